import type { StartOwnWorkflow } from '../../activities/chunk/dependencies';
import { startAfter, startOfInvalidRecord } from '../../domain/workflow/record-start';
import type { AnyStream } from '../../domain/stream/stream';
import { Slots } from '../../lib/slots';
import type { RunningWorkflow } from '../starts/running-workflows';
import {
  StartRejectedError,
  startWorkflow,
  type StartDependencies,
} from '../starts/start-workflow';

/**
 * Creates the function that starts a workflow of its own for a record of a chunk. When its promise resolves, the record
 * is durable in the workflow whose id is the result. Either this start or an earlier one has made that workflow. The
 * function waits while `maxOpen` of these workflows are open, because a sink that fails for half of the records must
 * not fill the server.
 */
export function createOwnWorkflowStarter(
  deps: StartDependencies & { stream: AnyStream },
): StartOwnWorkflow {
  const { stream, logger } = deps;
  const places = new Slots(stream.maxOpen);
  return async (start, record, signal) => {
    const { memo } = start;
    const { messageId } = memo;
    // After the attempt at the chunk, no start may be left behind that waits for a place or for the gate.
    const until = AbortSignal.any([signal, deps.signal]);
    await places.acquire(until);
    let running: RunningWorkflow | undefined;
    try {
      signal.throwIfAborted();
      const [input] = start.args;
      const failed = 'reason' in input ? input.reason.type : undefined;
      logger.info({ ...memo, reason: failed }, 'Record leaves its chunk');
      const permit = await deps.gate.enter(until, record);
      let result;
      try {
        result = await startWorkflow(deps, start, permit);
      } catch (error) {
        if (!(error instanceof StartRejectedError) || messageId === null) throw error;
        const reason = { type: 'RejectedByTemporal', message: error.message } as const;
        const letter = startAfter(startOfInvalidRecord(stream, record, reason), input.after);
        result = await startWorkflow(deps, letter, await deps.gate.enter(until, record));
      }
      if (!('duplicateOf' in result)) running = result;
      return result.workflowId;
    } finally {
      if (running) void running.ended.then(() => places.release());
      else places.release();
    }
  };
}
