import type { DeliveryEvents } from './activities/deliver';
import type { Ledger } from './bridge/ledger';
import { DUPLICATE_SKIPPED, type Logger } from './logger';
import type { Metrics } from './metrics';

/** Turns what happens at a stream's sink into log lines and metrics. */
export function deliveryEvents(
  metrics: Metrics,
  logger: Logger,
  /** The running totals of a partition that this process consumes. */
  ledgerOf: (partition: number) => Ledger | undefined = () => undefined,
): DeliveryEvents {
  return {
    duplicateAtSink({ stream, messageId, topic, partition, offset }) {
      const fields = { stream, messageId, topic, partition, offset, layer: 'sink' };
      logger.info(fields, DUPLICATE_SKIPPED);
      metrics.duplicates.inc({ stream, layer: 'sink' });
    },
    attemptFailed({ stream, messageId, topic, partition, offset }, errorType, message) {
      const fields = { stream, messageId, topic, partition, offset, errorType, error: message };
      logger.debug(fields, 'Attempt at the sink failed');
      metrics.retries.inc({ stream, error_type: errorType });
      ledgerOf(partition)?.add('retries');
    },
    attemptSucceeded({ stream }, seconds) {
      metrics.deliverySeconds.observe({ stream }, seconds);
    },
  };
}
