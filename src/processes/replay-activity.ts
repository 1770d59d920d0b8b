import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { UsageError } from '../domain/errors';
import type { AnyStream } from '../domain/stream/stream';
import {
  REPLAY_REFUSED,
  type ReplayActivities,
  type ReplayProgress,
} from '../domain/workflow/replay';
import { createKafka, type KafkaSettings } from '../kafka/kafka';
import { replayLetters } from '../operations/replay/replay';
import type { Logger } from '../telemetry/logger';

/** Milliseconds between two heartbeats, each with the replay's progress. A stop arrives with the answer to a heartbeat. */
const HEARTBEAT_INTERVAL_MS = 1_000;

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
            ...{ client, stream, kafka: createKafka(kafka, logger) },
            signal: context.cancellationSignal,
            // The signal aborts too if the worker ends, or if the server has given this attempt up.
            isStopped: () => context.cancellationDetails?.cancelRequested ?? false,
            onProgress: (now) => (progress = now),
          },
          request,
        );
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        throw ApplicationFailure.nonRetryable(error.message, REPLAY_REFUSED);
      } finally {
        clearInterval(interval);
      }
    },
  };
}
