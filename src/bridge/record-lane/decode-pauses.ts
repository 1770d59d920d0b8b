import type { DeliveryFailure } from '../../domain/errors';
import { describePosition } from '../../domain/record/record';
import type { Logger } from '../../telemetry/logger';
import type { PartitionWindow } from '../partition/partition-window';
import type { OrderedEntry } from './key-order';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 30_000;

/** A partition with a record that can't be decoded for now. */
interface Pause {
  /** The records that wait: those that could not be decoded, and those behind them. */
  entries: OrderedEntry[];
  /** The record that is being tried again; undefined while the pause lasts. */
  probe: OrderedEntry | undefined;
  waitMs: number;
  timer: NodeJS.Timeout | undefined;
}

export interface DecodePausesDependencies {
  stream: { name: string };
  logger: Logger;
  /** By partition: why its records can't be decoded. */
  failures: Map<number, string>;
  /** The lane may dispatch these records again. */
  again(entries: OrderedEntry[]): void;
}

/**
 * Keeps records of partitions that wait, because the stream's code can't decode their records for now. After a pause,
 * one record of the partition is tried again. Each further pause is twice as long. Once that record is decoded, all
 * other records of the partition go on. Other partitions do not wait.
 */
export class DecodePauses {
  readonly #pauses = new Map<PartitionWindow, Pause>();

  constructor(private readonly deps: DecodePausesDependencies) {}

  /** Whether the record's partition waits. If it does, the record waits here too. */
  takes(entry: OrderedEntry): boolean {
    const pause = this.#pauses.get(entry.window);
    if (!pause || pause.probe === entry) return false;
    pause.entries.push(entry);
    return true;
  }

  /** The record could not be decoded, so it waits from now on, and its partition with it. */
  failed(entry: OrderedEntry, { message, retryAfterMs = 0 }: DeliveryFailure): void {
    const { window, record } = entry;
    const { stream, logger, failures } = this.deps;
    let pause = this.#pauses.get(window);
    if (!pause) {
      pause = { entries: [], probe: undefined, waitMs: 0, timer: undefined };
      this.#pauses.set(window, pause);
      const fields = { stream: stream.name, record: describePosition(record), error: message };
      logger.warn(fields, 'Records can not be decoded for now; their partition waits');
    }
    pause.entries.push(entry);
    failures.set(window.partition, message);
    // Failures of records that were under way together count as one.
    if (pause.timer || (pause.probe && pause.probe !== entry)) return;
    pause.probe = undefined;
    const asked = Number.isFinite(retryAfterMs) ? retryAfterMs : 0;
    const doubled = Math.max(pause.waitMs * 2, FIRST_WAIT_MS, asked);
    pause.waitMs = Math.min(doubled, LONGEST_WAIT_MS);
    pause.timer = setTimeout(() => this.#tryOne(pause), pause.waitMs).unref();
  }

  /** The record was decoded, even if it is invalid. If it is the one that was tried again, its partition goes on. */
  decoded(entry: OrderedEntry): void {
    const pause = this.#pauses.get(entry.window);
    // If another record was decoded, that says nothing about the record that is tried again.
    if (pause?.probe !== entry) return;
    this.#end(entry.window);
    const fields = { stream: this.deps.stream.name, partition: entry.window.partition };
    this.deps.logger.info(fields, 'Records can be decoded again; their partition goes on');
    this.deps.again(inOrder(pause.entries));
  }

  /** Drops partitions whose windows were revoked, and returns their records. */
  dropRevoked(): OrderedEntry[] {
    const lost = [...this.#pauses].filter(([window]) => window.revoked);
    for (const [window] of lost) this.#end(window);
    return lost.flatMap(([, { entries }]) => entries);
  }

  #tryOne(pause: Pause): void {
    const [first, ...rest] = inOrder(pause.entries);
    pause.timer = undefined;
    pause.probe = first;
    pause.entries = rest;
    if (first) this.deps.again([first]);
  }

  #end(window: PartitionWindow): void {
    clearTimeout(this.#pauses.get(window)?.timer);
    this.#pauses.delete(window);
    this.deps.failures.delete(window.partition);
  }
}

function inOrder(entries: OrderedEntry[]): OrderedEntry[] {
  return entries.sort((a, b) => a.record.offset - b.record.offset);
}
