import type { AskedPartition, FetchOptions } from './asked-partition';
import type Broker from 'kafkajs/src/broker';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { requests } from 'kafkajs/src/protocol/requests';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys';
import shuffle from 'kafkajs/src/utils/shuffle';
import { ByteReader } from '../records/byte-reader';
import type { RecordSet } from '../records/record-set';
import { readDivergence, requestById, type Divergence } from './fetch-by-id';
import { FETCH_BY_ID, knowsTopicIds } from './topic-ids';

/** A broker's answer for one partition. */
export interface FetchedPartition extends RecordSet {
  /** 0 if all is well, otherwise an error code of the protocol; `bytes` is then empty. */
  errorCode: number;
  /** The id of the broker to ask from now on; -1: the leader. */
  preferredReadReplica: number;
  /** The topic id of the request; undefined: the topic was asked for by its name. */
  topicId: string | undefined;
  /** The epoch of the request. */
  lastEpoch: number | undefined;
  /** Set if the log has lost its end since the record before `fetchOffset` was read; `bytes` is then empty. */
  divergence: Divergence | undefined;
}

interface FetchAnswer {
  /** How long kafkajs must send nothing to this broker, in milliseconds. */
  clientSideThrottleTime: number;
  partitions: FetchedPartition[];
}

const READ_COMMITTED = 1;

/**
 * Fetches the bytes of partitions from one broker. kafkajs owns the connection, and makes the request unless
 * topics are asked for by id. kafkajs's decoder is not used, because a log may hold more formats than kafkajs
 * knows.
 */
export async function fetchPartitions(
  broker: Broker,
  asked: AskedPartition[],
  options: FetchOptions,
): Promise<FetchedPartition[]> {
  const topics = new Map<string, AskedPartition[]>();
  // The broker fills its answer in this order: with a fixed order the last partition would starve (KIP-74).
  for (const one of shuffle(asked)) {
    const others = topics.get(one.topic);
    if (others) others.push(one);
    else topics.set(one.topic, [one]);
  }
  const call = broker.lookupRequest(
    apiKeys.Fetch,
    requests.Fetch,
  )({
    ...options,
    isolationLevel: READ_COMMITTED,
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
  });
  const byId = knowsTopicIds(broker) && asked.every(({ topicId }) => topicId !== undefined);
  if (byId) call.request = requestById(options, READ_COMMITTED, [...topics.values()]);
  const decode = (bytes: Buffer) => decodeAnswer(bytes, call.request.apiVersion, asked);
  try {
    const answer = await broker.connectionPool.send({
      ...call,
      response: { decode, parse: (answer: FetchAnswer) => answer },
    });
    return (answer as FetchAnswer).partitions;
  } catch (error) {
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw error;
  }
}

/** Decodes the answer to a fetch. `version`: 0 to 11, in which kafkajs asks, or 13. */
export function decodeAnswer(
  bytes: Buffer,
  version: number,
  asked: readonly AskedPartition[],
): FetchAnswer {
  const byId = version >= FETCH_BY_ID;
  const reader = new ByteReader(bytes);
  if (byId) reader.skipTags();
  const throttleTime = version >= 1 ? reader.int32() : 0;
  if (version >= 7) {
    const errorCode = reader.int16();
    if (errorCode !== 0) throw createErrorFromCode(errorCode);
    reader.int32(); // The id of a fetch session, which we do not ask for.
  }
  const partitions: FetchedPartition[] = [];
  for (let topics = readLength(reader, byId); topics > 0; topics--) {
    const name = byId
      ? reader.slice(16)!.toString('base64url')
      : reader.slice(reader.int16())!.toString('utf8');
    for (let left = readLength(reader, byId); left > 0; left--) {
      const fetched = decodePartition(reader, version);
      const request = asked.find(
        ({ topic, topicId, partition }) =>
          partition === fetched.partition && name === (byId ? topicId : topic),
      );
      if (!request) continue;
      const { topic, topicId, lastEpoch, fetchOffset } = request;
      partitions.push({ ...fetched, topic, topicId, lastEpoch, fetchOffset });
    }
    if (byId) reader.skipTags();
  }
  // Before version 8 the broker itself waits before it answers (KIP-219).
  return { clientSideThrottleTime: version >= 8 ? throttleTime : 0, partitions };
}

/** The length of a list or of bytes; -1: null. Newer protocol versions write the length plus one, in fewer bytes. */
function readLength(reader: ByteReader, byId: boolean): number {
  return byId ? reader.uvarint() - 1 : reader.int32();
}

function decodePartition(
  reader: ByteReader,
  version: number,
): Omit<FetchedPartition, 'topic' | 'topicId' | 'lastEpoch' | 'fetchOffset'> {
  const byId = version >= FETCH_BY_ID;
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const abortedTransactions: RecordSet['abortedTransactions'] = [];
  if (version >= 4) {
    reader.int64(); // The last stable offset. The broker returns nothing beyond it.
    if (version >= 5) reader.int64(); // The first offset of the log.
    for (let left = readLength(reader, byId); left > 0; left--) {
      abortedTransactions.push({ producerId: reader.bigInt64(), firstOffset: reader.int64() });
      if (byId) reader.skipTags();
    }
  }
  const preferredReadReplica = version >= 11 ? reader.int32() : -1;
  const bytes = reader.slice(readLength(reader, byId)) ?? Buffer.alloc(0);
  const divergence = byId ? readDivergence(reader) : undefined;
  return {
    partition,
    errorCode,
    highWatermark,
    abortedTransactions,
    preferredReadReplica,
    bytes,
    divergence,
  };
}
