import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaJSError } from 'kafkajs';
import type Broker from 'kafkajs/src/broker';
import type ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import { KafkaJSOffsetOutOfRange } from 'kafkajs/src/errors';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { decodeRecordSet, type DecodedRecords } from '../records/record-set';
import { fetchPartitions, type FetchedPartition } from './fetch';
import type { AskedPartition } from './asked-partition';
import type { Divergence } from './fetch-by-id';
import { topicIdOf } from './topic-ids';

/** A consumer's knowledge of the log that it has read up to an offset. Absent fields are not known. */
export interface KnownLog {
  topicId?: string | undefined;
  /** The leader epoch under which the record before the offset was written. */
  lastEpoch?: number | undefined;
}

/** By a consumer's cluster: the function by which a fetch gets the consumer's knowledge of the log. */
export const knownLogs = new WeakMap<object, (partition: number, offset: number) => KnownLog>();

/**
 * The result of one fetch for one partition. kafkajs treats it as a batch of its own that is not empty. So every
 * fetch that moves the partition reaches the consumer's handler, with records or without.
 */
export class FetchedBatch {
  /** kafkajs looks for the last message, and finds none. */
  readonly messages = [];
  readonly highWatermark: string;

  constructor(
    private readonly fetched: FetchedPartition,
    private readonly stillOwned: () => boolean,
    /** Why the broker returns nothing usable of this partition: Kafka's error name or a text. Absent: it does. */
    readonly failure: string | undefined,
  ) {
    this.highWatermark = String(fetched.highWatermark);
  }

  get topic(): string {
    return this.fetched.topic;
  }

  /** Undefined if the broker has no topic ids. If the consumer knew another id, the batch holds nothing else. */
  get topicId(): string | undefined {
    return this.fetched.topicId;
  }

  /** The epoch that the consumer knew when it asked. If topics have ids, the broker has compared it with its log. */
  get lastEpoch(): number | undefined {
    return this.fetched.lastEpoch;
  }

  /** Set if the log has lost its end, back to before the requested offset. The batch then holds nothing else. */
  get divergence(): Divergence | undefined {
    return this.fetched.divergence;
  }

  get partition(): number {
    return this.fetched.partition;
  }

  /** The requested offset. */
  get fetchOffset(): number {
    return this.fetched.fetchOffset;
  }

  /** Whether the consumer has joined its group again since the fetch: another member may own the partition now. */
  get stale(): boolean {
    return !this.stillOwned();
  }

  decode(): DecodedRecords {
    return decodeRecordSet(this.fetched);
  }

  // The rest is for kafkajs, whose log and events read these members.
  isEmpty = () => false;
  isEmptyDueToFiltering = () => false;
  firstOffset = () => String(this.fetchOffset);
  lastOffset = () => String(this.fetchOffset);
  offsetLag = () => '0';
  offsetLagLow = () => '0';
}

const OFFSET_OUT_OF_RANGE = 1;
/** The topic is gone or was created again: code 3 for a fetch by its name, 100 and 103 by its id. */
const UNKNOWN_TOPIC = [3, 100, 103];
/** Another broker leads the partition, or none does for now: new metadata will tell. */
const LEADER_MOVED = [5, 6, 9, 56, 74, 75, 78];

/**
 * Fetches the partitions of one broker for a consumer, in place of kafkajs's `ConsumerGroup.fetch`. A fault of one
 * partition does not keep the others from being read.
 */
export async function fetchBatches(group: ConsumerGroup, nodeId: string): Promise<FetchedBatch[]> {
  try {
    await group.cluster.refreshMetadataIfNecessary();
    group.checkForStaleAssignment();
    const owned = group.filterPartitionsByNode(nodeId, group.subscriptionState.assigned());
    const { offsetManager } = group;
    dropSeeksOfEarlierJoins(group);
    if (!(await begin(group, owned))) {
      // The leader will be known or reachable again some time. Meanwhile other brokers are asked.
      await group.cluster.refreshMetadata();
      await sleep(group.maxWaitTime);
      return [];
    }
    const asked = partitionsToAsk(group, owned);
    if (asked.length === 0) {
      await sleep(group.maxWaitTime);
      return [];
    }
    const broker = await group.cluster.findBroker({ nodeId });
    // Each join makes a new offset manager, with offsets that other members may have committed.
    const stillOwned = () => group.offsetManager === offsetManager;
    const ids = await topicIds(group, broker, asked);
    const ofOther = asked.filter(({ topic, topicId }) => isOtherTopic(topicId, ids.get(topic)));
    if (ofOther.length > 0) return ofOther.map((one) => nothingOf(one, ids, stillOwned));
    for (const one of asked) one.topicId = ids.get(one.topic);
    const { maxWaitTime, minBytes, maxBytes, rackId } = group;
    const limits = { maxWaitTime, minBytes, maxBytes, rackId };
    const fetched = await fetchPartitions(broker, asked, limits);
    return await batchesOf(group, fetched, stillOwned);
  } catch (error) {
    await group.recoverFromFetch(error);
    return [];
  }
}

/** By a group: the offset manager of the join in which the group fetched last. */
const lastJoin = new WeakMap<ConsumerGroup, object>();

/**
 * Drops seeks that no fetch has applied before the group joined again. kafkajs keeps them. In between, another
 * consumer may have owned the partition and committed more, which the seek would read again. Only batches ask for
 * seeks, and a batch comes only after the first fetch of its join. So at that first fetch all seeks are older than
 * the join. Seeks before a consumer's very first fetch stay: no batch made them, but kafkajs's admin client, which
 * sets offsets so.
 */
function dropSeeksOfEarlierJoins(group: ConsumerGroup): void {
  const before = lastJoin.get(group);
  if (before === group.offsetManager) return;
  lastJoin.set(group, group.offsetManager);
  if (before !== undefined) group.seekOffset.clear();
}

/**
 * Applies seeks, and asks for the beginning of partitions without a committed offset. False: ask again later.
 * kafkajs does this before each fetch for all partitions of the member, and fails at the first lost leader. So
 * this function asks only for the partitions of one broker.
 */
async function begin(
  group: ConsumerGroup,
  owned: { topic: string; partitions: number[] }[],
): Promise<boolean> {
  const value = Object.fromEntries(owned.map(({ topic, partitions }) => [topic, partitions]));
  const offsets = Object.create(group.offsetManager, { memberAssignment: { value } }) as object;
  const own = Object.create(group, { offsetManager: { value: offsets } }) as ConsumerGroup;
  try {
    await own.seekOffsets(owned);
    return true;
  } catch (error) {
    if (error instanceof KafkaJSError && error.retriable) return false;
    throw error;
  }
}

function partitionsToAsk(
  group: ConsumerGroup,
  owned: { topic: string; partitions: number[] }[],
): AskedPartition[] {
  const committed = group.offsetManager.committedOffsets();
  const active = group.getActiveTopicPartitions();
  const asked = owned.flatMap(({ topic, partitions }) =>
    partitions
      // An offset is unknown while kafkajs recovers from an offset that is out of range.
      .filter((one) => committed[topic]?.[one] != null && active[topic]?.has(one))
      .map((partition) => {
        const fetchOffset = Number(group.offsetManager.nextOffset(topic, partition).toString());
        const maxBytes = group.maxBytesPerPartition;
        const known = knownLogs.get(group.cluster)?.(partition, fetchOffset);
        return { topic, partition, fetchOffset, maxBytes, ...known };
      }),
  );
  const cut = cutPartitions(group);
  const alone = asked.find((one) => cut.has(nameOf(one)));
  return alone ? [alone] : asked;
}

/** False if an id is not known: a broker before 2.8 gives topics no ids, so a replaced topic goes unnoticed. */
function isOtherTopic(known: string | undefined, now: string | undefined): boolean {
  return known !== undefined && now !== undefined && known !== now;
}

/** Topic ids by the offset manager, which each join makes anew: after a topic is gone, its id is asked for again. */
const idsOfJoin = new WeakMap<object, Map<string, string | undefined>>();

async function topicIds(
  { offsetManager }: ConsumerGroup,
  broker: Broker,
  asked: AskedPartition[],
): Promise<Map<string, string | undefined>> {
  let ids = idsOfJoin.get(offsetManager);
  if (!ids) idsOfJoin.set(offsetManager, (ids = new Map<string, string | undefined>()));
  for (const { topic } of asked) {
    if (!ids.has(topic)) ids.set(topic, await topicIdOf(broker, topic));
  }
  return ids;
}

/** Makes a batch that reports only the new topic id, because the topic was deleted and created again. */
function nothingOf(
  { topic, partition, fetchOffset }: AskedPartition,
  ids: Map<string, string | undefined>,
  stillOwned: () => boolean,
): FetchedBatch {
  const nothing = {
    bytes: Buffer.alloc(0),
    abortedTransactions: [],
    highWatermark: 0,
    errorCode: 0,
    preferredReadReplica: -1,
    divergence: undefined,
    lastEpoch: undefined,
  };
  const topicId = ids.get(topic);
  return new FetchedBatch(
    { topic, topicId, partition, fetchOffset, ...nothing },
    stillOwned,
    undefined,
  );
}

async function batchesOf(
  group: ConsumerGroup,
  fetched: FetchedPartition[],
  stillOwned: () => boolean,
): Promise<FetchedBatch[]> {
  const batches: FetchedBatch[] = [];
  const outOfRange: FetchedPartition[] = [];
  let [leaderMoved, topicGone] = [false, false];
  for (const one of fetched) {
    const { topic, partition, errorCode, bytes, divergence } = one;
    // If the log no longer has the batch that was cut off, the other partitions need not wait any longer.
    if (fetched.length === 1 && bytes.length === 0) cutPartitions(group).delete(nameOf(one));
    if (group.seekOffset.has(topic, partition)) continue;
    if (group.subscriptionState.isPaused(topic, partition)) continue;
    preferReplica(group, one);
    if (errorCode === OFFSET_OUT_OF_RANGE) outOfRange.push(one);
    else if (UNKNOWN_TOPIC.includes(errorCode)) topicGone = true;
    else if (LEADER_MOVED.includes(errorCode)) leaderMoved = true;
    else if (divergence) batches.push(new FetchedBatch(one, stillOwned, undefined));
    else if (errorCode !== 0 || bytes.length > 0) {
      const failure =
        errorCode === 0 ? cutBatch(group, one, fetched.length) : nameOfError(errorCode);
      if (failure !== ASK_ALONE) batches.push(new FetchedBatch(one, stillOwned, failure));
    }
  }
  for (const { topic, partition } of outOfRange) {
    const replicas = group.preferredReadReplicasPerTopicPartition[topic];
    // A follower may lack records that its leader has. kafkajs would begin the partition again from its start.
    if (replicas?.[partition]) delete replicas[partition];
    else {
      const error = createErrorFromCode(OFFSET_OUT_OF_RANGE);
      await group.recoverFromFetch(new KafkaJSOffsetOutOfRange(error, { topic, partition }));
    }
  }
  if (topicGone) await group.recoverFromFetch(createErrorFromCode(UNKNOWN_TOPIC[0]!));
  else if (leaderMoved) {
    await group.cluster.refreshMetadata();
    await sleep(group.maxWaitTime);
  }
  return batches;
}

function preferReplica(
  group: ConsumerGroup,
  { topic, partition, preferredReadReplica }: FetchedPartition,
) {
  if (preferredReadReplica === -1) return;
  const replicas = (group.preferredReadReplicasPerTopicPartition[topic] ??= {});
  replicas[partition] = {
    nodeId: preferredReadReplica,
    expireAt: Date.now() + group.metadataMaxAge,
  };
}

/** By consumer: partitions, by {@link nameOf}, whose next batch did not fit beside those of other partitions. */
const cut = new WeakMap<ConsumerGroup, Set<string>>();

function cutPartitions(group: ConsumerGroup): Set<string> {
  let partitions = cut.get(group);
  if (!partitions) cut.set(group, (partitions = new Set()));
  return partitions;
}

function nameOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}

const ASK_ALONE = 'ask alone';

/**
 * Checks whether the first batch of a partition is whole. A broker cuts its answer off at `maxBytes`, even in the
 * middle of a batch. Only the first partition of an answer gets its first batch whole, whatever the size. So a
 * partition whose batch was cut off is asked for alone: the result is then {@link ASK_ALONE}. Otherwise the result
 * is the fault, or undefined if there is none.
 */
function cutBatch(
  group: ConsumerGroup,
  one: FetchedPartition,
  partitions: number,
): string | undefined {
  const { bytes } = one;
  const size = bytes.length < 12 ? Infinity : 12 + bytes.readInt32BE(8);
  const partitionsCut = cutPartitions(group);
  if (size <= bytes.length) {
    partitionsCut.delete(nameOf(one));
    return undefined;
  }
  const askedAlone = partitions === 1 && partitionsCut.has(nameOf(one));
  if (!askedAlone) {
    partitionsCut.add(nameOf(one));
    return ASK_ALONE;
  }
  // The other partitions are fetched before the next try.
  partitionsCut.delete(nameOf(one));
  return size === Infinity
    ? `the broker returns only ${bytes.length} bytes of a batch, less than its header`
    : `the broker returns ${bytes.length} of the ${size} bytes of a batch`;
}

function nameOfError(code: number): string {
  const { type } = createErrorFromCode(code);
  return type === 'KAFKAJS_UNKNOWN_ERROR_CODE' ? `error ${code}` : type;
}
