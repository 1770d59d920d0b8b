import type { RecordEvents } from '../../activities/create-activities';
import type { ChunkEvents } from '../../activities/chunk/dependencies';
import type { Brake } from '../brake/brake';
import type { Ledger } from '../partition/ledger';
import { duplicateSkipped } from '../../telemetry/duplicate-skipped';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';

/** Turns what happens at a stream's sink into log lines and metrics. */
export function deliveryEvents(
  metrics: Metrics,
  logger: Logger,
  /** Where totals of a partition count; a process without a consumer keeps none. */
  ledgerOf: (partition: number) => Ledger | undefined = () => undefined,
  brake?: Pick<Brake, 'sinkTook'>,
  attemptLevel: 'warn' | 'debug' = 'warn',
): RecordEvents {
  return {
    duplicateAtSink: (record) => duplicateSkipped({ logger, metrics }, record, 'sink'),
    attemptFailed({ stream, messageId, topic, partition, offset }, errorType, message, attempt) {
      const record = { stream, messageId, topic, partition, offset };
      const failure = { errorType, error: message, attempt };
      logger[attemptLevel]({ ...record, ...failure }, 'Attempt at the sink failed');
      metrics.retries.inc({ stream, error_type: errorType });
      ledgerOf(partition)?.add('retries');
    },
    deadLettered(record, { type: errorType, message, attempts }) {
      const fields = { ...record, errorType, error: message, attempts };
      logger.warn(fields, 'Record is dead-lettered');
    },
    attemptSucceeded({ stream, partition }, seconds) {
      metrics.deliverySeconds.observe({ stream }, seconds);
      brake?.sinkTook();
      const ledger = ledgerOf(partition);
      ledger?.add('deliveries');
      ledger?.add('deliveryMicros', Math.round(seconds * 1e6));
    },
  };
}

/** The same for records that are delivered in chunks. */
export function chunkEvents(
  stream: string,
  metrics: Metrics,
  logger: Logger,
  ledgerOf: (partition: number) => Ledger | undefined = () => undefined,
  brake?: Pick<Brake, 'delivered' | 'sinkTook'>,
  /** By partition: why its records can't be decoded for now. */
  decodeFailures = new Map<number, string>(),
): ChunkEvents {
  // Thousands of records of a chunk fail at once. The failed chunk is one line, by the SDK's logger.
  const events = deliveryEvents(metrics, logger, ledgerOf, brake, 'debug');
  return {
    attemptFailed: (...failed) => events.attemptFailed(...failed),
    attemptSucceeded: (...succeeded) => events.attemptSucceeded(...succeeded),
    delivered(partition, count) {
      metrics.records.inc({ stream, outcome: 'delivered' }, count);
      ledgerOf(partition)?.add('delivered', count);
      brake?.delivered(count);
    },
    duplicate(record, layer) {
      duplicateSkipped({ logger, metrics }, record, layer);
      metrics.records.inc({ stream, outcome: 'duplicate' });
      ledgerOf(record.partition)?.add(layer);
    },
    checked(partition, count) {
      metrics.recentChecks.inc({ stream }, count);
      ledgerOf(partition)?.add('checked', count);
    },
    waiting({ partition }) {
      metrics.recentLockWaits.inc({ stream });
      ledgerOf(partition)?.add('lockWaits');
    },
    filtered(partition, count) {
      metrics.records.inc({ stream, outcome: 'filtered' }, count);
      ledgerOf(partition)?.add('filtered', count);
    },
    decoding(partition, failure) {
      if (failure === undefined) decodeFailures.delete(partition);
      else decodeFailures.set(partition, failure);
    },
    expired(count) {
      logger.error({ stream, count }, 'Records of a chunk are no longer on the broker');
      metrics.recordsExpired.inc({ stream }, count);
    },
  };
}
