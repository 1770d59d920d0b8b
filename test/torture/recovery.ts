import type { LoggedEvent } from './event-log';
import type { JournalEntry } from './journal';

export interface Recovery {
  kind: string;
  faults: number;
  /** The seconds from the end of a fault to the next delivery of any stream. */
  median: number;
  max: number;
}

/** The time from the end of the faults of each kind to the next delivery. */
export function recoveries(events: LoggedEvent[], journal: JournalEntry[]): Recovery[] {
  const times = journal.map(({ time }) => time).sort((a, b) => a - b);
  const waits = new Map<string, number[]>();
  for (const { event, time, kind } of events) {
    if (event !== 'healed') continue;
    const healed = Date.parse(time);
    const next = times.find((one) => one >= healed);
    // There is no later delivery, because all records were delivered.
    if (next === undefined) continue;
    waits.set(kind as string, [...(waits.get(kind as string) ?? []), (next - healed) / 1_000]);
  }
  return [...waits].map(([kind, seconds]) => {
    const sorted = seconds.toSorted((a, b) => a - b);
    return {
      kind,
      faults: sorted.length,
      median: sorted[Math.floor(sorted.length / 2)]!,
      max: sorted.at(-1)!,
    };
  });
}
