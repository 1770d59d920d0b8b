import { KafkaJSAggregateError, type Admin, type ITopicConfig } from 'kafkajs';
import v1 from 'kafkajs/src/protocol/requests/createTopics/v1/response';
import v2 from 'kafkajs/src/protocol/requests/createTopics/v2/response';
import v3 from 'kafkajs/src/protocol/requests/createTopics/v3/response';
import { persistently } from './persistently';

/**
 * Puts the broker's own message into an error: which setting is wrong, how many brokers there are. kafkajs reads the
 * message and keeps only the code.
 */
for (const response of [v1, v2, v3]) {
  const { parse } = response;
  response.parse = async (data) => {
    try {
      return await parse(data);
    } catch (error) {
      if (!(error instanceof KafkaJSAggregateError)) throw error;
      for (const one of error.errors as (Error & { topic?: string })[]) {
        const answer = data.topicErrors.find(({ topic }) => topic === one.topic);
        if (answer?.errorMessage) one.message = answer.errorMessage;
      }
      throw error;
    }
  };
}

/** Errors of a cluster that has no controller for the moment, for example while it starts. */
const NOT_READY = ['NOT_CONTROLLER', 'REQUEST_TIMED_OUT'];
/** Errors of a broker that does not yet know a new topic, or its leader. */
const NOT_KNOWN_YET = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'];

/** Creates the topic unless it exists. Waits up to 30 s until the broker knows the topic and its leader. */
export async function createTopic(admin: Admin, topic: ITopicConfig): Promise<void> {
  // kafkajs would wait only for the leader, and fail if the broker does not know the topic yet.
  const request = { waitForLeaders: false, topics: [topic] };
  try {
    await persistently(NOT_READY, () => admin.createTopics(request));
    await onceKnown(() => admin.fetchTopicMetadata({ topics: [topic.topic] }));
  } catch (error) {
    throw new Error(`can't create topic ${topic.topic}`, { cause: error });
  }
}

/** Asks about a topic that was just created, for up to 30 s: each broker learns of the topic in its own time. */
export function onceKnown<T>(ask: () => Promise<T>): Promise<T> {
  return persistently(NOT_KNOWN_YET, ask);
}
