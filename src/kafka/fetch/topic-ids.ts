import type Broker from 'kafkajs/src/broker';
import Encoder from 'kafkajs/src/protocol/encoder';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys';
import { ByteReader } from '../records/byte-reader';

/** The first version of Metadata that returns topic ids. kafkajs asks in version 6 at most. */
const METADATA_WITH_IDS = 10;
/**
 * The first version of Fetch that names a topic by its id. By the id a broker refuses to read a topic that was
 * deleted and created again. This version also detects a log that has lost its end (KIP-595).
 */
export const FETCH_BY_ID = 13;
const NO_TAGS = 0;
const NO_ID = Buffer.alloc(16);

/** Whether the broker knows requests that name topics by id. Kafka 3.1 and later does. */
export function knowsTopicIds({ versions }: Broker): boolean {
  const upTo = (apiKey: number) => versions?.[apiKey]?.maxVersion ?? 0;
  return upTo(apiKeys.Metadata) >= METADATA_WITH_IDS && upTo(apiKeys.Fetch) >= FETCH_BY_ID;
}

/**
 * The id that Kafka gave the topic when it was created; undefined if the broker can't tell. Throws Kafka's error.
 */
export async function topicIdOf(broker: Broker, topic: string): Promise<string | undefined> {
  if (!knowsTopicIds(broker)) return undefined;
  const answer = await broker.connectionPool.send({
    request: {
      apiKey: apiKeys.Metadata,
      apiVersion: METADATA_WITH_IDS,
      apiName: 'Metadata',
      encode: () => Promise.resolve(encodeRequest(topic)),
    },
    response: { decode: decodeAnswer, parse: (one: Answer) => one },
  });
  const { errorCode, topicId } = answer as Answer;
  if (errorCode !== 0) throw createErrorFromCode(errorCode);
  return topicId;
}

interface Answer {
  clientSideThrottleTime: number;
  errorCode: number;
  topicId: string | undefined;
}

function encodeRequest(topic: string): Encoder {
  const ANY_ID = new Encoder().writeBuffer(NO_ID);
  const one = ANY_ID.writeUVarIntString(topic).writeUVarInt(NO_TAGS);
  return new Encoder()
    .writeUVarInt(NO_TAGS) // The end of the request's header.
    .writeUVarIntArray([one])
    .writeBoolean(false) // Whether to create the topic.
    .writeBoolean(false) // Whether to return the client's rights on the cluster,
    .writeBoolean(false) // and on the topic.
    .writeUVarInt(NO_TAGS);
}

/** The one topic that was asked for follows the list of brokers. */
function decodeAnswer(bytes: Buffer): Answer {
  const reader = new ByteReader(bytes);
  const skipString = () => reader.skip(Math.max(reader.uvarint() - 1, 0));
  reader.skipTags();
  const clientSideThrottleTime = reader.int32();
  for (let brokers = reader.uvarint() - 1; brokers > 0; brokers--) {
    reader.int32(); // Its id,
    skipString(); // host,
    reader.int32(); // port
    skipString(); // and rack.
    reader.skipTags();
  }
  skipString(); // The id of the cluster,
  reader.int32(); // and its controller.
  reader.uvarint(); // The number of topics: one.
  const errorCode = reader.int16();
  skipString(); // Its name.
  const id = reader.slice(NO_ID.length)!;
  const topicId = id.equals(NO_ID) ? undefined : id.toString('base64url');
  return { clientSideThrottleTime, errorCode, topicId };
}
