import Encoder from 'kafkajs/src/protocol/encoder';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys';
import type { ByteReader } from '../records/byte-reader';
import type { AskedPartition, FetchOptions } from './asked-partition';
import { FETCH_BY_ID } from './topic-ids';

/** Where the log that was read differs from the leader's current log. */
export interface Divergence {
  /** The last leader epoch in the leader's log that is not above the epoch of the request. */
  epoch: number;
  /** The offset at which that epoch ends in the leader's log. */
  endOffset: number;
}

const NO_TAGS = 0;
const UNKNOWN = -1;
const DIVERGING_EPOCH_TAG = 0;

/** A fetch in a version that kafkajs does not know: it names topics by id, and the epoch of the last record read. */
export function requestById(
  { maxWaitTime, minBytes, maxBytes, rackId = '' }: FetchOptions,
  isolationLevel: number,
  topics: AskedPartition[][],
) {
  const [CONSUMER, NO_SESSION, LAST_SESSION_EPOCH] = [-1, 0, -1];
  const encode = () =>
    Promise.resolve(
      new Encoder()
        .writeUVarInt(NO_TAGS) // The end of the request's header.
        .writeInt32(CONSUMER)
        .writeInt32(maxWaitTime)
        .writeInt32(minBytes)
        .writeInt32(maxBytes)
        .writeInt8(isolationLevel)
        .writeInt32(NO_SESSION)
        .writeInt32(LAST_SESSION_EPOCH)
        .writeUVarIntArray(topics.map(encodeTopic))
        .writeUVarIntArray([]) // Topics to remove from a session.
        .writeUVarIntString(rackId)
        .writeUVarInt(NO_TAGS),
    );
  return { apiKey: apiKeys.Fetch, apiVersion: FETCH_BY_ID, apiName: 'Fetch', encode };
}

function encodeTopic(partitions: AskedPartition[]): Encoder {
  const encoded = partitions.map(({ partition, fetchOffset, lastEpoch = UNKNOWN, maxBytes }) =>
    new Encoder()
      .writeInt32(partition)
      .writeInt32(UNKNOWN) // The current epoch of the leader.
      .writeInt64(fetchOffset)
      .writeInt32(lastEpoch)
      .writeInt64(UNKNOWN) // The start of the log, which only followers send.
      .writeInt32(maxBytes)
      .writeUVarInt(NO_TAGS),
  );
  return new Encoder()
    .writeBuffer(Buffer.from(partitions[0]!.topicId!, 'base64url'))
    .writeUVarIntArray(encoded)
    .writeUVarInt(NO_TAGS);
}

/** Reads the optional fields at the end of a partition's answer; undefined: the logs do not differ. */
export function readDivergence(reader: ByteReader): Divergence | undefined {
  let found: Divergence | undefined;
  for (let tags = reader.uvarint(); tags > 0; tags--) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    const end = reader.at + size;
    if (tag === DIVERGING_EPOCH_TAG) found = { epoch: reader.int32(), endOffset: reader.int64() };
    reader.skip(end - reader.at);
  }
  return found;
}
