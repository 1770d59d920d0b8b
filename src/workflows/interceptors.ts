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
 * Reports to the bridge when a workflow leaves its first task and when it ends, and keeps the order of keys. Acts on
 * a user's own workflows as well.
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
            bridge.ended(outcomeOf(result), letterType);
            return result;
          } catch (error) {
            // Any other error fails the workflow task, not the workflow: the server retries the task.
            if (error instanceof TemporalFailure) {
              await tellWaiting();
              const deadLettered =
                error instanceof ApplicationFailure && error.type === 'DeadLettered';
              bridge.ended(deadLettered ? 'dead_lettered' : 'failed', letterType);
            }
            throw error;
          }
        },
      },
    ],
    outbound: [
      {
        async scheduleActivity(input, next) {
          // Kept for the report of the end: the workflow may end in any way after this activity.
          if (input.activityType === 'deadLetter') letterType = letterTypeOf(input.args);
          bridge.firstTaskOver();
          return next(input);
        },
        async startTimer(input, next) {
          bridge.firstTaskOver();
          return next(input);
        },
        // Marks the SDK's log lines about this workflow: its failure needs no line of its own, because the dead
        // letter is logged.
        getLogAttributes: (input, next) => next(letterType ? { ...input, letterType } : input),
      },
    ],
  };
};

/** Reads the error type from the activity's arguments, which a user's own workflow may choose freely. */
function letterTypeOf([, failure]: unknown[]): string {
  const { type } = (failure ?? {}) as Partial<RecordFailure>;
  return typeof type === 'string' ? type : 'DeadLettered';
}

/** A user's own workflow may return anything: when it completes, its record counts as delivered. */
function outcomeOf(result: unknown): RecordOutcome {
  const { workflowType } = workflowInfo();
  // Records that left the chunk, and an invalid record that can be read now, end in other workflows.
  if (workflowType === 'deliverChunk' && (result as ChunkResult).handedOn > 0) return 'failed';
  if (workflowType === 'invalidRecord') return 'failed';
  const outcome = (result as { outcome?: unknown } | undefined | null)?.outcome;
  return outcome === 'duplicate' ? 'duplicate' : 'delivered';
}
