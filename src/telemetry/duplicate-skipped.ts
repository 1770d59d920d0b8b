import type { RecordPosition } from '../domain/record/record';
import { DUPLICATE_SKIPPED, type Logger } from './logger';
import type { Metrics } from './metrics';

/** Says that a record was skipped as a duplicate, and by which layer. `null` stands for no message id. */
export function duplicateSkipped(
  { logger, metrics }: { logger: Logger; metrics: Metrics },
  record: RecordPosition & { stream: string; messageId: string | null },
  layer: 'recent' | 'workflow-id' | 'sink',
): void {
  const { stream, messageId, topic, partition, offset } = record;
  logger.info({ stream, messageId, topic, partition, offset, layer }, DUPLICATE_SKIPPED);
  metrics.duplicates.inc({ stream, layer });
}
