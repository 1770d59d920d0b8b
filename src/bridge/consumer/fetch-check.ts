import type { FetchedBatch } from '../../kafka/kafka';
import type { OffsetReader } from '../../kafka/offsets';
import { errorMessage } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';
import type { PartitionWindow } from '../partition/partition-window';

/**
 * `stale`: it was asked for before the last join, or before it was known what the group had committed. `next`: it
 * is what must come next, or what is between is gone. `log changed`: the broker says that it is not the log that was
 * read. `log went back`: its offsets mean something else than before. `beyond`: what is between is still there.
 * `unknown`: Kafka did not say.
 */
export type FetchVerdict =
  'stale' | 'next' | 'log changed' | 'log went back' | 'beyond' | 'unknown';

export const LOST_END =
  'The log has lost its end since it was read, as after an unclean leader election; what is there now is read from where the logs part';

/** What a batch says of the log that it comes from. */
type LogOfBatch = Pick<FetchedBatch, 'topicId' | 'lastEpoch' | 'divergence'>;

/** The offset that must come next; undefined where any may. */
export function expectedOffset(window: PartitionWindow): number | undefined {
  return window.next ?? window.startsAt ?? window.standsAt;
}

/**
 * Where to go on in a log that is not the one that was read; undefined: it is that one. A topic that was made
 * anew is read from its beginning. One that has lost its end is read from there, or from what waits.
 */
export function changedFrom({ log, settled }: PartitionWindow, batch: LogOfBatch) {
  if (log.isOther(batch.topicId)) return 0;
  return batch.divergence && Math.min(log.partsAt(batch.divergence), settled);
}

/**
 * Whether a batch fetched at `fetched` is what must come next; after a join its beginning may have been
 * seen. Below the floor Kafka gives nothing unless the topic was created again or has lost its end. A
 * batch beyond what was asked for comes after retention has deleted what was not read. A fetch of an earlier
 * time as owner says nothing of the log as it is now.
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
