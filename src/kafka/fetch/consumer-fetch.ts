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

/** What a consumer knows of the log that it has read up to an offset. Absent: not known. */
export interface KnownLog {
  topicId?: string | undefined;
  /** The leader epoch under which the record before the offset was written. */
  lastEpoch?: number | undefined;
}

/** How fetches ask a consumer for what it knows, by its cluster. */
export const knownLogs = new WeakMap<object, (partition: number, offset: number) => KnownLog>();

/**
 * What one fetch has brought of one partition. kafkajs takes it for a batch of its own with something in
 * it, so every fetch that moves the partition reaches the consumer's handler: records or none.
 */
export class FetchedBatch {
  /** kafkajs looks at the last of its messages, and finds none. */
  readonly messages = [];
  readonly highWatermark: string;

  constructor(
    private readonly fetched: FetchedPartition,
    private readonly stillOwned: () => boolean,
    /** Why the broker gives nothing of this partition, as Kafka names it. Absent: it does. */
    readonly failure: string | undefined,
  ) {
    this.highWatermark = String(fetched.highWatermark);
  }

  get topic(): string {
    return this.fetched.topic;
  }

  /** Undefined if the broker gives topics no ids. If it is not the one that the consumer knew, it is all. */
  get topicId(): string | undefined {
    return this.fetched.topicId;
  }

  /** What the consumer knew when it asked; the broker has compared it with its log if topics have ids. */
  get lastEpoch(): number | undefined {
    return this.fetched.lastEpoch;
  }

  /** The log has lost its end, up to before the offset that was asked for. The batch says no more then. */
  get divergence(): Divergence | undefined {
    return this.fetched.divergence;
  }

  get partition(): number {
    return this.fetched.partition;
  }

  /** The offset that was asked for. */
  get fetchOffset(): number {
    return this.fetched.fetchOffset;
  }

  /** Whether the consumer has joined its group again since it asked: the batch may be another's by now. */
  get stale(): boolean {
    return !this.stillOwned();
  }

  decode(): DecodedRecords {
    return decodeRecordSet(this.fetched);
  }

  // The rest is for kafkajs, whose log and events name these.
  isEmpty = () => false;
  isEmptyDueToFiltering = () => false;
  firstOffset = () => String(this.fetchOffset);
  lastOffset = () => String(this.fetchOffset);
  offsetLag = () => '0';
  offsetLagLow = () => '0';
}

const OFFSET_OUT_OF_RANGE = 1;
/** The topic is gone, or was made anew: 3 by its name, 100 and 103 by its id. */
const UNKNOWN_TOPIC = [3, 100, 103];
/** Another broker leads the partition, or none does for now: metadata will say. */
const LEADER_MOVED = [5, 6, 9, 56, 74, 75, 78];

/**
 * Fetches the partitions of one broker for a consumer, in the place of kafkajs's `ConsumerGroup.fetch`. What
 * is wrong with one partition does not keep the others from being read.
 */
export async function fetchBatches(group: ConsumerGroup, nodeId: string): Promise<FetchedBatch[]> {
  try {
    await group.cluster.refreshMetadataIfNecessary();
    group.checkForStaleAssignment();
    const owned = group.filterPartitionsByNode(nodeId, group.subscriptionState.assigned());
    const { offsetManager } = group;
    dropSeeksOfEarlierJoins(group);
    if (!(await begin(group, owned))) {
      // Its leader will be known, or can be reached, by and by. Meanwhile the others are fetched.
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
    const stillOwned = () => group.offsetManager === offsetManager;
    const ids = await topicIds(group, broker, asked);
    const ofOther = asked.filter(({ topic, topicId }) => isOtherTopic(topicId, ids.get(topic)));
    if (ofOther.length > 0) return ofOther.map((one) => nothingOf(one, ids, stillOwned));
    for (const one of asked) one.topicId = ids.get(one.topic);
    const { maxWaitTime, minBytes, maxBytes, rackId } = group;
    const limits = { maxWaitTime, minBytes, maxBytes, rackId };
    const fetched = await fetchPartitions(broker, asked, limits);
    // Each join makes a new offset manager, and with it offsets that others may have committed.
    return await batchesOf(group, fetched, stillOwned);
  } catch (error) {
    await group.recoverFromFetch(error);
    return [];
  }
}

/** By a group: the offset manager of the join for which it has fetched last. */
const lastJoin = new WeakMap<ConsumerGroup, object>();

/**
 * Forgets seeks that no fetch has taken up before the group came together again. kafkajs keeps them. The partition may
 * have been another consumer's since, which has committed more: the seek would read that again. A batch asks for a seek,
 * and a batch comes only after the first fetch of its join, so all seeks before that are older. But a seek before the
 * very first fetch is none of a batch: kafkajs's admin client sets offsets by it.
 */
function dropSeeksOfEarlierJoins(group: ConsumerGroup): void {
  const before = lastJoin.get(group);
  if (before === group.offsetManager) return;
  lastJoin.set(group, group.offsetManager);
  if (before !== undefined) group.seekOffset.clear();
}

/**
 * Takes up seeks, and asks where partitions begin of which nothing is committed; false if it is to be asked again.
 * kafkajs asks this for all partitions of the member before each fetch, and fails with the first leader that is lost.
 * So this asks for those of one broker alone.
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
      // An offset is unknown while kafkajs recovers from one that is out of range.
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

/** A broker before 2.8 gives topics no ids. It can't tell that a topic is another one. */
function isOtherTopic(known: string | undefined, now: string | undefined): boolean {
  return known !== undefined && now !== undefined && known !== now;
}

/** By an offset manager, which each join makes anew: after a topic is gone, its id is asked for again. */
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

/** Tells that the topic is another one by now. */
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
    // The log no longer has the batch that was cut off, so the other partitions need not wait for it.
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
    // A follower may not have what its leader has. kafkajs would begin the partition again from its start.
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

/** Partitions of a consumer whose next batch did not fit beside what others had, by {@link nameOf}. */
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
 * A broker cuts its answer off at `maxBytes`, also in the middle of a batch. Only the first partition of an
 * answer gets its first batch whole, whatever its size. So a batch that is larger is asked for alone: the
 * answer is {@link ASK_ALONE} then. Else it says what is wrong, or nothing.
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
  // The others have their turn before the next try.
  partitionsCut.delete(nameOf(one));
  return `the broker gives ${bytes.length} of the ${size} bytes that a batch says it has`;
}

function nameOfError(code: number): string {
  const { type } = createErrorFromCode(code);
  return type === 'KAFKAJS_UNKNOWN_ERROR_CODE' ? `error ${code}` : type;
}
