import type { LoggedEvent } from './event-log';
import type { JournalEntry } from './journal';

export interface Recovery {
  kind: string;
  faults: number;
  /** Seconds from the end of a fault to the next delivery anywhere. */
  median: number;
  max: number;
}

/** How soon something was delivered again after the faults of each kind had ended. */
export function recoveries(events: LoggedEvent[], journal: JournalEntry[]): Recovery[] {
  const times = journal.map(({ time }) => time).sort((a, b) => a - b);
  const waits = new Map<string, number[]>();
  for (const { event, time, kind } of events) {
    if (event !== 'healed') continue;
    const healed = Date.parse(time);
    const next = times.find((one) => one >= healed);
    // After the last delivery there was nothing left to deliver.
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
