import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaErrorType } from './kafka';

const DEADLINE_MS = 30_000;
const PAUSE_MS = 100;

/**
 * Repeats `run` while it fails with one of these errors, by Kafka's names. Throws any other at once. Both times are in
 * milliseconds.
 */
export async function persistently<T>(
  errors: string[],
  run: () => Promise<T>,
  { deadlineMs = DEADLINE_MS, pauseMs = PAUSE_MS } = {},
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!errors.includes(kafkaErrorType(error) ?? '') || Date.now() > deadline) throw error;
      await sleep(pauseMs);
    }
  }
}
