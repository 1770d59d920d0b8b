import type { FetchedBatch } from '../../kafka/kafka';
import type { OffsetReader } from '../../kafka/offsets';
import { errorMessage } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';
import type { PartitionWindow } from '../partition/partition-window';

/**
 * The result of {@link checkFetch}.
 * - `stale`: the fetch was sent before the last join, or before the consumer knew what the group had committed.
 * - `next`: the batch has the expected offset, or retention has deleted the records between that offset and the batch.
 * - `log changed`: the broker's answer shows that the log is not the one that was read.
 * - `log went back`: the batch lies below the window's floor, so offsets no longer mean what they meant before.
 * - `beyond`: the batch lies beyond the expected offset, and the records between still exist.
 * - `unknown`: the batch lies beyond the expected offset, and Kafka did not say where the log begins.
 */
export type FetchVerdict =
  'stale' | 'next' | 'log changed' | 'log went back' | 'beyond' | 'unknown';

export const LOST_END =
  'The log has lost its end since it was read, as after an unclean leader election; what is there now is read from where the logs part';

/** What a batch says about the log that it comes from. */
type LogOfBatch = Pick<FetchedBatch, 'topicId' | 'lastEpoch' | 'divergence'>;

/** The offset that must come next; undefined if any offset may come. */
export function expectedOffset(window: PartitionWindow): number | undefined {
  return window.next ?? window.startsAt ?? window.standsAt;
}

/**
 * The offset to continue at if the log is not the one that was read; undefined if it is. A topic that was created
 * again is read from its beginning. A log that has lost its end is read from the offset where the two logs part; or
 * from the first unfinished record, if that is lower.
 */
export function changedFrom({ log, settled }: PartitionWindow, batch: LogOfBatch) {
  if (log.isOther(batch.topicId)) return 0;
  return batch.divergence && Math.min(log.partsAt(batch.divergence), settled);
}

/**
 * Checks whether a batch is the one that must come next.
 *
 * 1. A batch that was fetched before the last join says nothing about the current log.
 * 2. After a join, a batch may begin with records that were read before. `PartitionWindow.accept` skips those.
 * 3. Kafka gives nothing below the window's floor, unless the topic was created again or has lost its end.
 * 4. A batch beyond the expected offset is right only if retention has deleted the records between.
 */
export async function checkFetch(
  window: PartitionWindow,
  batch: { fetchOffset: number; stale: boolean } & LogOfBatch,
  offsets: OffsetReader,
  { stream, logger }: { stream: { name: string }; logger: Logger },
): Promise<FetchVerdict> {
  if (batch.stale) return 'stale';
  const { topic, partition, floor } = window;
  const { fetchOffset: fetched } = batch;
  const where = { stream: stream.name, topic, partition, fetched };
  const goesOnAt = changedFrom(window, batch);
  if (goesOnAt !== undefined) {
    logger.error(
      { ...where, goesOnAt },
      batch.divergence
        ? LOST_END
        : 'The topic was deleted and created again; the new one is read from its beginning',
    );
    return 'log changed';
  }
  const { lastEpoch } = window.log.before(fetched);
  if (batch.topicId !== undefined && batch.lastEpoch !== lastEpoch) return 'stale';
  if (floor !== undefined && fetched < floor) {
    logger.error(
      { ...where, expected: floor },
      'The log went back behind what was read: was the topic created again?',
    );
    return 'log went back';
  }
  const expected = expectedOffset(window);
  if (expected === undefined || fetched <= expected) return 'next';
  let low: number;
  try {
    const ends = await offsets.ends(topic);
    low = ends.find((one) => one.partition === partition)!.low;
  } catch (error) {
    logger.warn({ ...where, error: errorMessage(error) }, 'Could not ask where the log begins');
    return 'unknown';
  }
  if (batch.stale) return 'stale';
  if (low <= expected) {
    logger.warn({ ...where, expected }, 'Fetched beyond what comes next; going back to that');
    return 'beyond';
  }
  logger.error(
    { ...where, from: expected, to: low - 1 },
    'Retention has deleted records that were not read',
  );
  return 'next';
}
