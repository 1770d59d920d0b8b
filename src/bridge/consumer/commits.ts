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
  /** The windows by partition number. Each commit reads the windows of that moment. */
  windows: ReadonlyMap<number, PartitionWindow>;
  /** Totals that belong to no partition. A commit moves them into the counters of a partition that it commits. */
  counters: PartitionCounters;
  stalls: Stalls;
  /** Returns kafkajs's commit function; undefined while nothing may be committed. */
  send(): CommitOffsets | undefined;
  memberId(): string | undefined;
  /** How many messages layer `recent` remembers. */
  recentIds(): number;
}

/** Commits the offsets of one consumer's windows. The metadata of a commit has the window's counters, log and stall. */
export class Commits {
  #last: Promise<void> = Promise.resolve();

  constructor(private readonly deps: CommitDependencies) {}

  /**
   * Commits every window whose offset or metadata has changed. Commits run one at a time. If a commit fails, the next
   * commit includes its windows again.
   */
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
      // The broker refuses a commit whose generation of the group is over.
      await send({ topics: [{ topic, partitions }] });
      for (const { window, watermark, noted } of moved) {
        window.committed = watermark;
        window.notedStall = noted;
        window.commitFault = undefined;
        window.counters.committed();
      }
    } catch (error) {
      // Nothing is lost: either the next round commits again, or the next owner begins at the last commit, and finds
      // that the workflows of these records exist.
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
    const member = {
      memberId: this.deps.memberId() ?? '',
      recentIds: this.deps.recentIds(),
      at: Date.now(),
    };
    const moved = [];
    for (const window of windows.values()) {
      const { counters } = window;
      const stall = stalls.note(window.partition);
      // If no offset is committable, a commit of the group's current offset carries the stall's note, or removes it.
      const tells = stall !== undefined || window.notedStall !== '';
      const watermark = window.watermark ?? (tells ? window.standsAt : undefined);
      if (watermark === undefined || !counters.loaded) continue;
      this.deps.counters.drainTo(counters);
      window.settleSkipped(watermark);
      const noted = stall ? JSON.stringify(stall) : '';
      const same = window.committed === watermark && window.notedStall === noted;
      if (same && !counters.changed) continue;
      const log = window.log.toMetadata(watermark);
      const chainEnd = window.chainEndBelow(watermark);
      const metadata = counters.toMetadata({ member, log, chainEnd, stall });
      moved.push({ window, watermark, metadata, noted });
    }
    return moved;
  }
}
