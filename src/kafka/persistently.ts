import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaErrorType } from './kafka';

const DEADLINE_MS = 30_000;
const PAUSE_MS = 100;

/**
 * Repeats `run` for up to 30 s while it fails with one of these errors, by Kafka's names. Throws any other at
 * once.
 */
export async function persistently<T>(errors: string[], run: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!errors.includes(kafkaErrorType(error) ?? '') || Date.now() > deadline) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
