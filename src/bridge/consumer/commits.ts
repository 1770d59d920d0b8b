import { kafkaErrorType } from '../../kafka/kafka';
import { errorMessage } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';
import type { PartitionCounters } from '../partition/partition-counters';
import type { PartitionWindow } from '../partition/partition-window';
import type { Stalls } from '../watch/stalls';

/** kafkajs's commit, for the generation of the group that it knows at that instant. */
export type CommitOffsets = (offsets: {
  topics: {
    topic: string;
    partitions: { partition: number; offset: string; metadata: string }[];
  }[];
}) => Promise<void>;

export interface CommitDependencies {
  stream: { name: string; topic: string };
  logger: Logger;
  /** By partition, as it is at each commit. */
  windows: ReadonlyMap<number, PartitionWindow>;
  /** Its totals are committed with any partition's. */
  counters: PartitionCounters;
  stalls: Stalls;
  /** Undefined while nothing may be committed. */
  send(): CommitOffsets | undefined;
  memberId(): string | undefined;
  /** How many messages layer `recent` remembers. */
  recentIds(): number;
}

/** Commits what is finished in the windows of one consumer, with their counters and stalls. */
export class Commits {
  #last: Promise<void> = Promise.resolve();

  constructor(private readonly deps: CommitDependencies) {}

  /** Commits what has changed. One commit at a time; a failed one is made up for by the next. */
  commit(): Promise<void> {
    this.#last = this.#last.then(() => this.#commitOnce());
    return this.#last;
  }

  async #commitOnce(): Promise<void> {
    const send = this.deps.send();
    if (!send) return;
    const moved = this.#moved();
    if (moved.length === 0) return;
    const { topic, name } = this.deps.stream;
    const partitions = moved.map(({ window, watermark, metadata }) => ({
      partition: window.partition,
      offset: String(watermark),
      metadata,
    }));
    try {
      // A commit that crosses a rebalance is refused.
      await send({ topics: [{ topic, partitions }] });
      for (const { window, watermark, noted } of moved) {
        window.committed = watermark;
        window.notedStall = noted;
        window.commitFault = undefined;
        window.counters.committed();
      }
    } catch (error) {
      // Nothing is lost: the next round commits again, or the next owner starts from the last commit
      // and meets workflow ids that exist.
      for (const { window } of moved) {
        window.commitFault = kafkaErrorType(error);
        window.counters.commitFailed();
      }
      const fields = { stream: name, error: errorMessage(error) };
      this.deps.logger.warn(fields, 'Offset commit failed');
    }
  }

  #moved() {
    const { windows, stalls } = this.deps;
    const by = {
      memberId: this.deps.memberId() ?? '',
      recentIds: this.deps.recentIds(),
      at: Date.now(),
    };
    const moved = [];
    for (const window of windows.values()) {
      const { counters } = window;
      const stalled = stalls.note(window.partition);
      // A commit of where the group stands anyway carries the note, or takes it back.
      const tells = stalled !== undefined || window.notedStall !== '';
      const watermark = window.watermark ?? (tells ? window.standsAt : undefined);
      if (watermark === undefined || !counters.loaded) continue;
      this.deps.counters.drainTo(counters);
      window.settleSkipped(watermark);
      const noted = stalled ? JSON.stringify(stalled) : '';
      const same = window.committed === watermark && window.notedStall === noted;
      if (same && !counters.changed) continue;
      const log = window.log.toMetadata(watermark);
      const chain = window.chainBegin(watermark);
      const metadata = counters.toMetadata({
        ...by,
        ...(log && { log }),
        ...(chain !== undefined && { chain }),
        ...(stalled && { stalled }),
      });
      moved.push({ window, watermark, metadata, noted });
    }
    return moved;
  }
}
