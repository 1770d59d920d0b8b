import type { RecordEvents } from '../../activities/create-activities';
import type { ChunkEvents } from '../../activities/chunk/dependencies';
import type { Brake } from '../brake/brake';
import type { PartitionCounters } from '../partition/partition-counters';
import { duplicateSkipped } from '../../telemetry/duplicate-skipped';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';

/** Turns what happens at a stream's sink into log lines and metrics. */
export function deliveryEvents(
  metrics: Metrics,
  logger: Logger,
  /** Where totals of a partition count; a process without a consumer keeps none. */
  countersOf: (partition: number) => PartitionCounters | undefined = () => undefined,
  brake?: Pick<Brake, 'deliverySucceeded'>,
  attemptLevel: 'warn' | 'debug' = 'warn',
): RecordEvents {
  return {
    duplicateAtSink: (record) => duplicateSkipped({ logger, metrics }, record, 'sink'),
    attemptFailed({ stream, messageId, topic, partition, offset }, errorType, message, attempt) {
      const record = { stream, messageId, topic, partition, offset };
      const failure = { errorType, error: message, attempt };
      logger[attemptLevel]({ ...record, ...failure }, 'Attempt at the sink failed');
      metrics.retries.inc({ stream, error_type: errorType });
      countersOf(partition)?.add('retries');
    },
    deadLettered(record, { type: errorType, message, attempts }) {
      const fields = { ...record, errorType, error: message, attempts };
      logger.warn(fields, 'Record is dead-lettered');
    },
    attemptSucceeded({ stream, partition }, seconds) {
      metrics.deliverySeconds.observe({ stream }, seconds);
      brake?.deliverySucceeded();
      const counters = countersOf(partition);
      counters?.add('deliveries');
      counters?.add('deliveryMicros', Math.round(seconds * 1e6));
    },
  };
}

/** The same for records that are delivered in chunks. */
export function chunkEvents(
  stream: string,
  metrics: Metrics,
  logger: Logger,
  countersOf: (partition: number) => PartitionCounters | undefined = () => undefined,
  brake?: Pick<Brake, 'delivered' | 'deliverySucceeded'>,
  /** By partition: why its records can't be decoded for now. */
  decodeFailures = new Map<number, string>(),
): ChunkEvents {
  // Thousands of records of a chunk fail at once. The failed chunk is one line, by the SDK's logger.
  const events = deliveryEvents(metrics, logger, countersOf, brake, 'debug');
  return {
    attemptFailed: (...failed) => events.attemptFailed(...failed),
    attemptSucceeded: (...succeeded) => events.attemptSucceeded(...succeeded),
    delivered(partition, count) {
      metrics.records.inc({ stream, outcome: 'delivered' }, count);
      countersOf(partition)?.add('delivered', count);
      brake?.delivered(count);
    },
    duplicate(record, layer) {
      duplicateSkipped({ logger, metrics }, record, layer);
      metrics.records.inc({ stream, outcome: 'duplicate' });
      countersOf(record.partition)?.add(layer);
    },
    checked(partition, count) {
      metrics.recentChecks.inc({ stream }, count);
      countersOf(partition)?.add('checked', count);
    },
    waiting({ partition }) {
      metrics.recentLockWaits.inc({ stream });
      countersOf(partition)?.add('lockWaits');
    },
    filtered(partition, count) {
      metrics.records.inc({ stream, outcome: 'filtered' }, count);
      countersOf(partition)?.add('filtered', count);
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
