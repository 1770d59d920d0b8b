import type { RecordPosition } from '../domain/record/record';
import { DUPLICATE_SKIPPED, type Logger } from './logger';
import type { Metrics } from './metrics';

/**
 * Logs and counts a record that was skipped as a duplicate, with the layer that recognized it. A record
 * without a message id has `messageId: null`.
 */
export function duplicateSkipped(
  { logger, metrics }: { logger: Logger; metrics: Metrics },
  record: RecordPosition & { stream: string; messageId: string | null },
  layer: 'recent' | 'workflow-id' | 'sink',
): void {
  const { stream, messageId, topic, partition, offset } = record;
  logger.info({ stream, messageId, topic, partition, offset, layer }, DUPLICATE_SKIPPED);
  metrics.duplicates.inc({ stream, layer });
}
