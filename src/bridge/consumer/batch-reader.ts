import { fetchedBatch, type EachBatchPayload, type FetchedBatch } from '../../kafka/kafka';
import type { OffsetReader } from '../../kafka/offsets';
import { recordOfUnreadable, type DecodedRecords } from '../../kafka/records/record-set';
import type { KafkaRecord } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { Lane } from '../lane';
import type { FetchFault, PartitionWindow } from '../partition/partition-window';
import { ReadLog } from '../partition/read-log';
import { changedFrom, checkFetch, expectedOffset, LOST_END } from './fetch-check';
import type { FetchControl } from './fetch-control';
import type { PartitionWindows } from './partition-windows';

export interface BatchReaderDependencies {
  stream: AnyStream;
  logger: Logger;
  windows: PartitionWindows;
  fetches: FetchControl;
  offsets: OffsetReader;
  lane: Lane;
  /** Aborts when the consumer accepts no more records. */
  stopping: AbortSignal;
  /** Whether the workflow exists that dead-letters an unreadable batch. `record` stands for the batch. */
  isStarted(record: KafkaRecord): Promise<boolean>;
}

/**
 * Puts the records of fetched batches into the windows of their partitions, and gives them to the lane. A batch that
 * is not the one that must come next is left. Then the partition is fetched again, at the right offset.
 */
export class BatchReader {
  constructor(private readonly deps: BatchReaderDependencies) {}

  /** Handles the result of one fetch of the window's partition. The result may have no record for the stream. */
  async read(payload: EachBatchPayload, window: PartitionWindow): Promise<void> {
    const { stream, logger, fetches, offsets, lane, stopping } = this.deps;
    const batch = fetchedBatch(payload);
    const { topic, partition, fetchOffset } = batch;
    if (batch.failure) return this.#waitFor(window, 'fetch_failing', batch.failure);
    const verdict = await checkFetch(window, batch, offsets, this.deps);
    // The partition may have been revoked during the check. A batch whose offset is not resolved is fetched again.
    if (stopping.aborted || window.revoked) return;
    if (verdict === 'stale' || verdict === 'unknown') return;
    if (verdict === 'beyond') return fetches.seek(partition, expectedOffset(window)!);
    if (verdict === 'log changed') {
      return this.#readChanged(window, changedFrom(window, batch)!, !batch.divergence);
    }
    if (verdict === 'log went back') window = this.#startAgain(window, new ReadLog());
    const decoded = await this.#decode(window, batch);
    if (!decoded || batch.stale || window.revoked) return;
    const differsAt = window.log.differsAt(decoded.epochs, decoded.nextOffset);
    if (differsAt !== undefined) {
      const goesOnAt = Math.min(differsAt, window.settled);
      const where = { stream: stream.name, topic, partition, fetched: fetchOffset };
      logger.error({ ...where, goesOnAt }, LOST_END);
      return this.#readChanged(window, goesOnAt, false);
    }
    window.readable();
    window.log.read(batch.topicId, decoded.epochs, decoded.nextOffset);
    const entries = window.accept(decoded.records, decoded.nextOffset, fetchOffset);
    payload.resolveOffset(String(decoded.nextOffset - 1));
    if (window.full && !window.paused) {
      window.paused = true;
      payload.pause();
    }
    lane.accept(entries);
  }

  /**
   * Decodes a batch into its records and the offset after the batch. If the batch can't be read, there are two cases.
   * Either the stream or an operator wants a dead letter for it: the result is then one record that stands for the
   * batch. Or the result is undefined, and the partition waits.
   */
  async #decode(window: PartitionWindow, batch: FetchedBatch): Promise<DecodedRecords | undefined> {
    const decoded = batch.decode();
    const { unreadable } = decoded;
    // Records before an unreadable batch are taken first. The next fetch then begins at that batch.
    if (!unreadable || decoded.nextOffset > batch.fetchOffset) return decoded;
    const record = recordOfUnreadable(window.topic, window.partition, unreadable);
    if (this.deps.stream.onUnreadable === 'deadLetter' || (await this.deps.isStarted(record))) {
      const epochs = [{ offset: unreadable.offset, epoch: undefined }];
      return { records: [record], nextOffset: unreadable.nextOffset, epochs };
    }
    const detail = `offset ${unreadable.offset} to ${unreadable.nextOffset - 1}: ${unreadable.cause}`;
    // The note of a stall needs a commit. If the group has no commit yet, it commits this offset and the topic's id.
    window.begin(batch.fetchOffset);
    window.log.read(batch.topicId, [], 0);
    this.#waitFor(window, 'unreadable', detail);
    return undefined;
  }

  /** Pauses fetching of the partition, because an immediate retry would bring the same fault. */
  #waitFor(window: PartitionWindow, reason: FetchFault['reason'], detail: string): void {
    const { topic, partition } = window;
    const { stream, logger, fetches, stopping } = this.deps;
    // The partition was revoked while its batch was checked. A pause would never end.
    if (window.revoked) return;
    if (window.fetchFault?.detail !== detail) {
      logger.error(
        { stream: stream.name, topic, partition, reason, detail },
        'Partition can not be read on; the others go on',
      );
    }
    fetches.pause(partition);
    window.blockFor({ reason, detail }, () => {
      if (!stopping.aborted && !window.revoked && !window.paused) fetches.resume([partition]);
    });
  }

  /** Continues at offset `from` after the log has changed. What was read from that offset on is no longer valid. */
  #readChanged(old: PartitionWindow, from: number, isOtherTopic: boolean): void {
    const { partition, log } = old;
    log.cutTo(from);
    const window = this.#startAgain(old, isOtherTopic ? new ReadLog() : log);
    window.startsAt = from;
    this.deps.fetches.seek(partition, from);
  }

  #startAgain(old: PartitionWindow, log: ReadLog): PartitionWindow {
    const window = this.deps.windows.replace(old, log);
    this.deps.lane.dropRevoked();
    return window;
  }
}
