import { KafkaJSAggregateError, type Admin, type ITopicConfig } from 'kafkajs';
import v1 from 'kafkajs/src/protocol/requests/createTopics/v1/response';
import v2 from 'kafkajs/src/protocol/requests/createTopics/v2/response';
import v3 from 'kafkajs/src/protocol/requests/createTopics/v3/response';
import { persistently } from './persistently';

/**
 * Gives an error the broker's own words: which setting is wrong, how many brokers there are. kafkajs reads
 * them and keeps only the code.
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

/** What a cluster answers that has no controller for the moment, as while it starts. */
const NOT_READY = ['NOT_CONTROLLER', 'REQUEST_TIMED_OUT'];
/** What a broker answers that has not heard of a new topic, or of its leader, yet. */
const NOT_KNOWN_YET = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'];

/** Creates a topic, and waits until the broker knows it and its leader. Does nothing when it exists. */
export async function createTopic(admin: Admin, topic: ITopicConfig): Promise<void> {
  // kafkajs would wait for the leader only, and fail when the broker does not know the topic yet.
  const request = { waitForLeaders: false, topics: [topic] };
  try {
    await persistently(NOT_READY, () => admin.createTopics(request));
    await onceKnown(() => admin.fetchTopicMetadata({ topics: [topic.topic] }));
  } catch (error) {
    throw new Error(`can't create topic ${topic.topic}`, { cause: error });
  }
}

/** Asks about a topic that was created just now: each broker hears of it in its own time. */
export function onceKnown<T>(ask: () => Promise<T>): Promise<T> {
  return persistently(NOT_KNOWN_YET, ask);
}
