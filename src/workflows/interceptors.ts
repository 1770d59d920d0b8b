import {
  ApplicationFailure,
  TemporalFailure,
  workflowInfo,
  type WorkflowInterceptorsFactory,
} from '@temporalio/workflow';
import type { RecordEnvelope } from '../domain/record';
import type { ChunkResult } from '../activities/record-activities';
import { bridge, type RecordOutcome } from './bridge-sinks';
import type { RecordFailure } from './failure';
import { takeWaiting, waitFor } from './order';

/**
 * Tells the bridge when a workflow leaves its first task and when it ends, and keeps the order of keys; a
 * user's own as well.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      async execute(input, next) {
        const tellWaiting = takeWaiting();
        try {
          const { after } = (input.args[0] ?? {}) as Partial<RecordEnvelope>;
          if (typeof after === 'string') await waitFor(after);
          const result = await next(input);
          await tellWaiting();
          bridge.closed(outcomeOf(result));
          return result;
        } catch (error) {
          // Anything else fails the workflow task, not the workflow, and is tried again.
          if (error instanceof TemporalFailure) {
            await tellWaiting();
            if (error instanceof ApplicationFailure && error.type === 'DeadLettered') {
              const failure = error.details?.[0] as Partial<RecordFailure> | undefined;
              bridge.closed('dead_lettered', failure?.type);
            } else bridge.closed('failed');
          }
          throw error;
        }
      },
    },
  ],
  outbound: [
    {
      async scheduleActivity(input, next) {
        bridge.handedOver();
        return next(input);
      },
      async startTimer(input, next) {
        bridge.handedOver();
        return next(input);
      },
    },
  ],
});

/** A user's own workflow may return anything; it has delivered its record when it completes. */
function outcomeOf(result: unknown): RecordOutcome {
  const { workflowType } = workflowInfo();
  // Records that have left the chunk, and one that can be read at last, end elsewhere.
  if (workflowType === 'deliverChunk' && (result as ChunkResult).handedOn > 0) return 'failed';
  if (workflowType === 'invalidRecord') return 'failed';
  const outcome = (result as { outcome?: unknown } | undefined | null)?.outcome;
  return outcome === 'duplicate' ? 'duplicate' : 'delivered';
}
