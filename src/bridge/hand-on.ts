import type { HandOn } from '../activities/deliver-chunk';
import { startOfInvalidRecord } from '../domain/record-start';
import type { AnyStream } from '../domain/stream';
import type { RecordOutcome } from '../workflows/bridge-sinks';
import { countOutcome } from './count-outcome';
import type { Ledger } from './ledger';
import { StartRejectedError, startWorkflow, type StartDependencies } from './start-workflow';

/**
 * Gives a record of a chunk a workflow of its own, and counts how that ends. The record is durable there
 * when the promise resolves, whether by this start or by an earlier one.
 */
export function createHandOn(
  deps: StartDependencies & { stream: AnyStream },
  ledgerOf: (partition: number) => Ledger | undefined = () => undefined,
): HandOn {
  const { stream, metrics, logger } = deps;
  return async (start, record) => {
    const { messageId } = start.memo;
    const [input] = start.args;
    const failed = 'reason' in input ? input.reason.type : undefined;
    logger.warn({ ...start.memo, reason: failed }, 'Record leaves its chunk');
    const { partition } = record;
    const { memo } = start;
    const open = {
      onHandedOver: () => undefined,
      onClosed: (outcome: RecordOutcome) =>
        countOutcome(memo, outcome, metrics, ledgerOf(partition)),
    };
    try {
      await startWorkflow(deps, start, open);
    } catch (error) {
      if (!(error instanceof StartRejectedError) || messageId === null) throw error;
      const reason = { type: 'RejectedByTemporal', message: error.message } as const;
      await startWorkflow(deps, startOfInvalidRecord(stream, record, reason), open);
    }
  };
}
