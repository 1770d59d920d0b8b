import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamStatus } from '../../src/operations/status/status';
import { cloudsync } from './command';
import type { Processes } from './inject';

const LOOK_EVERY_MS = 4_000;

export interface Settled {
  statuses: StreamStatus[];
  /** The streams and processes that have not come to rest. It is empty when all have. */
  unsettled: string[];
  seconds: number;
}

/** Waits until nothing lags or runs, twice in a row, and all processes are ready. */
export async function settle(
  processes: Processes,
  env: NodeJS.ProcessEnv,
  deadlineMs: number,
  progress: (text: string) => void,
): Promise<Settled> {
  const start = Date.now();
  let quietBefore = '';
  for (;;) {
    const { statuses, unsettled } = await look(processes, env);
    const seconds = Math.round((Date.now() - start) / 1_000);
    const seen = JSON.stringify(statuses);
    if (unsettled.length === 0 && seen === quietBefore) return { statuses, unsettled, seconds };
    if (Date.now() - start > deadlineMs) return { statuses, unsettled, seconds };
    quietBefore = unsettled.length === 0 ? seen : '';
    progress(`settling for ${seconds} s: ${unsettled.join('; ') || 'quiet, looking again'}`);
    await sleep(LOOK_EVERY_MS);
  }
}

async function look(processes: Processes, env: NodeJS.ProcessEnv) {
  let statuses: StreamStatus[] = [];
  const unsettled: string[] = [];
  try {
    ({ streams: statuses } = await cloudsync<{ streams: StreamStatus[] }>(['status'], env));
  } catch (error) {
    unsettled.push(String(error));
  }
  for (const { name, lag, lagByPartition, running, braked } of statuses) {
    // The last records were dead-lettered, and no further record remains whose delivery would end the brake.
    if (braked && lag === 0) await cloudsync(['resume', '--stream', name, '--yes'], env);
    if (lag > 0)
      unsettled.push(`${name}: ${lag} records not committed ${JSON.stringify(lagByPartition)}`);
    if (running > 0) unsettled.push(`${name}: ${running} workflows run`);
  }
  for (const one of Object.values(processes)) {
    const fault = await one.fault();
    if (fault !== undefined) unsettled.push(`${one.name} is not ready: ${fault}`);
  }
  return { statuses, unsettled };
}
