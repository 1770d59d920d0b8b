import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats `check` until it returns true (result: true) or the deadline passes (result: false). */
export async function waitUntil(
  check: () => boolean | Promise<boolean>,
  timing: { everyMs: number; deadlineMs: number },
): Promise<boolean> {
  const end = Date.now() + timing.deadlineMs;
  while (!(await check())) {
    if (Date.now() >= end) return false;
    await sleep(timing.everyMs);
  }
  return true;
}
