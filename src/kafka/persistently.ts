import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaErrorType } from './kafka';

const DEADLINE_MS = 30_000;
const PAUSE_MS = 100;

/** Repeats what fails with one of these errors only, as Kafka names them, for half a minute. */
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
