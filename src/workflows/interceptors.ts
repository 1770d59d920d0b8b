import {
  ApplicationFailure,
  TemporalFailure,
  workflowInfo,
  type WorkflowInterceptorsFactory,
} from '@temporalio/workflow';
import type { RecordEnvelope } from '../domain/record/record';
import { bridge } from './bridge-sinks';
import type { ChunkResult, RecordOutcome } from '../domain/workflow/record-activities';
import type { RecordFailure } from '../domain/workflow/failure';
import { takeWaiting, waitFor } from './order';

/**
 * Tells the bridge when a workflow leaves its first task and when it ends, and keeps the order of keys; a
 * user's own as well.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let letterType: string | undefined;
  return {
    inbound: [
      {
        async execute(input, next) {
          const tellWaiting = takeWaiting();
          try {
            const { after } = (input.args[0] ?? {}) as Partial<RecordEnvelope>;
            if (typeof after === 'string') await waitFor(after);
            const result = await next(input);
            await tellWaiting();
            bridge.closed(outcomeOf(result), letterType);
            return result;
          } catch (error) {
            // Anything else fails the workflow task, not the workflow, and is tried again.
            if (error instanceof TemporalFailure) {
              await tellWaiting();
              const deadLettered =
                error instanceof ApplicationFailure && error.type === 'DeadLettered';
              bridge.closed(deadLettered ? 'dead_lettered' : 'failed', letterType);
            }
            throw error;
          }
        },
      },
    ],
    outbound: [
      {
        async scheduleActivity(input, next) {
          // However the workflow ends after that.
          if (input.activityType === 'deadLetter') letterType = letterTypeOf(input.args);
          bridge.handedOver();
          return next(input);
        },
        async startTimer(input, next) {
          bridge.handedOver();
          return next(input);
        },
        // Tells our log that the failure of this workflow is no news: its dead letter is logged.
        getLogAttributes: (input, next) => next(letterType ? { ...input, letterType } : input),
      },
    ],
  };
};

/** Of the activity's arguments, which a user's own workflow may give. */
function letterTypeOf([, failure]: unknown[]): string {
  const { type } = (failure ?? {}) as Partial<RecordFailure>;
  return typeof type === 'string' ? type : 'DeadLettered';
}

/** A user's own workflow may return anything; it has delivered its record when it completes. */
function outcomeOf(result: unknown): RecordOutcome {
  const { workflowType } = workflowInfo();
  // Records that have left the chunk, and one that can be read at last, end elsewhere.
  if (workflowType === 'deliverChunk' && (result as ChunkResult).handedOn > 0) return 'failed';
  if (workflowType === 'invalidRecord') return 'failed';
  const outcome = (result as { outcome?: unknown } | undefined | null)?.outcome;
  return outcome === 'duplicate' ? 'duplicate' : 'delivered';
}
