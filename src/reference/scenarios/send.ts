import { setTimeout as sleep } from 'node:timers/promises';
import type { Send } from './scenarios';

/** Sends one message; resolves when the broker has acknowledged it. */
export type SendMessage = (id: string, value: string) => Promise<unknown>;

/** The JSON of a message of the reference streams. */
export function messageValue(id: string, occurredAt: Date): string {
  const payload = { text: `message ${id}` };
  return JSON.stringify({
    id,
    type: 'demo.message',
    occurredAt: occurredAt.toISOString(),
    payload,
  });
}

/** Sends each message at its time; resolves when all of them have been acknowledged. */
export async function sendScenario(send: SendMessage, sends: Send[]): Promise<void> {
  const start = new Date();
  const acknowledged: Promise<unknown>[] = [];
  for (const { id, atMs } of sends) {
    const wait = start.getTime() + atMs - Date.now();
    if (wait > 0) await sleep(wait);
    // Each copy has the same bytes, because a producer that repeats itself repeats the whole message.
    const sent = send(id, messageValue(id, start));
    // Handles an error that comes while other messages are still to be sent. `Promise.all` reports it below.
    sent.catch(() => undefined);
    acknowledged.push(sent);
  }
  await Promise.all(acknowledged);
}
