import type { RecordMemo } from '../domain/record';
import type { Metrics } from '../metrics';
import type { RecordOutcome } from '../workflows/bridge-sinks';
import type { Ledger } from './ledger';

/** Counts how a record's own workflow ended; of an invalid record only its dead letter. */
export function countOutcome(
  { stream, messageId }: Pick<RecordMemo, 'stream' | 'messageId'>,
  outcome: RecordOutcome,
  metrics: Metrics,
  ledger: Ledger | undefined,
): void {
  if (messageId === null) {
    if (outcome === 'dead_lettered') metrics.records.inc({ stream, outcome: 'invalid' });
    return;
  }
  if (outcome === 'failed') return;
  metrics.records.inc({ stream, outcome });
  if (outcome === 'delivered') ledger?.add('delivered');
  if (outcome === 'duplicate') ledger?.add('sink');
}
