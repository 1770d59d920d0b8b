import { setTimeout as sleep } from 'node:timers/promises';
import type { ReconcileReport } from '../../operations/reconcile/reconcile';
import type { StreamStatus } from '../../operations/status/status';

/** Totals of one stream so far, from the commands for operators. */
export interface Totals {
  messages: number;
  delivered: number;
  missing: number;
  double: number;
  deadLetters: number;
  retries: number;
  duplicates: { recent: number; workflowId: number; sink: number };
}

/** How the scenarios observe the system. */
export interface Observer {
  statuses(): Promise<StreamStatus[]>;
  reconcile(stream: string): Promise<ReconcileReport>;
}

const SETTLE_DEADLINE_MS = 90_000;

/** Waits until nothing lags or runs, and until the next look sees the same. Returns after 90 s in any case. */
export async function settle(observer: Pick<Observer, 'statuses'>): Promise<StreamStatus[]> {
  const deadline = Date.now() + SETTLE_DEADLINE_MS;
  let quietBefore = '';
  for (;;) {
    const streams = await observer.statuses();
    const idle = streams.every(({ lag, running }) => lag === 0 && running === 0);
    const seen = JSON.stringify(streams);
    if ((idle && seen === quietBefore) || Date.now() > deadline) return streams;
    quietBefore = idle ? seen : '';
    await sleep(700);
  }
}

export async function observe(observer: Observer): Promise<Map<string, Totals>> {
  const streams = await settle(observer);
  const totals = await Promise.all(
    streams.map(async ({ name, deadLetters, retries, duplicates }): Promise<[string, Totals]> => {
      const { messages, delivered, missing, double } = await observer.reconcile(name);
      return [name, { messages, delivered, missing, double, deadLetters, retries, duplicates }];
    }),
  );
  return new Map(totals);
}

/**
 * The change between two looks. `missing` and `double` are states, so their values are those of the later look.
 */
export function difference(after: Totals, before: Totals): Totals {
  const { recent, workflowId, sink } = after.duplicates;
  return {
    messages: after.messages - before.messages,
    delivered: after.delivered - before.delivered,
    missing: after.missing,
    double: after.double,
    deadLetters: after.deadLetters - before.deadLetters,
    retries: after.retries - before.retries,
    duplicates: {
      recent: recent - before.duplicates.recent,
      workflowId: workflowId - before.duplicates.workflowId,
      sink: sink - before.duplicates.sink,
    },
  };
}
