import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { UsageError } from '../domain/errors';
import type { AnyStream } from '../domain/stream/stream';
import {
  REPLAY_REFUSED,
  type ReplayActivities,
  type ReplayProgress,
} from '../domain/stream/replay';
import { createKafka, kafkaErrorType, type KafkaSettings } from '../kafka/kafka';
import { replayLetters } from '../operations/replay/replay';
import type { Logger } from '../telemetry/logger';

/** Milliseconds between two heartbeats, each with the replay's progress. A stop arrives with the answer to a heartbeat. */
const HEARTBEAT_INTERVAL_MS = 1_000;

/** What a worker lacks, if Kafka refuses it a right for good; otherwise undefined. */
function missingRight(error: unknown, { name, topic, deadLetterTopic }: AnyStream) {
  const type = kafkaErrorType(error);
  if (!type?.endsWith('AUTHORIZATION_FAILED')) return undefined;
  return `Kafka refuses the worker a right that a replay needs (${type}): read ${deadLetterTopic}, read and write ${name}-dlq-state, write ${topic}, and write the transactional id ${name}-replay`;
}

/** The activity of the workflow `replayLetters`, in a worker of the stream. */
export function createReplayActivity(
  stream: AnyStream,
  client: Client,
  kafka: KafkaSettings,
  logger: Logger,
): ReplayActivities {
  return {
    async replayLetters(request) {
      const context = Context.current();
      let progress: ReplayProgress | undefined;
      const beat = () => context.heartbeat(progress);
      beat();
      const interval = setInterval(beat, HEARTBEAT_INTERVAL_MS);
      try {
        return await replayLetters(
          {
            // kafkajs warns of each transaction that waits for the one before.
            ...{ client, stream, kafka: createKafka(kafka, logger.child({}, { level: 'error' })) },
            signal: context.cancellationSignal,
            // The signal aborts too if the worker ends, or if the server has given this attempt up.
            isStopped: () => context.cancellationDetails?.cancelRequested ?? false,
            onProgress: (now) => (progress = now),
          },
          request,
        );
      } catch (error) {
        const reason = error instanceof UsageError ? error.message : missingRight(error, stream);
        if (reason === undefined) throw error;
        throw ApplicationFailure.nonRetryable(reason, REPLAY_REFUSED);
      } finally {
        clearInterval(interval);
      }
    },
  };
}
