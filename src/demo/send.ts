import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from '../clients/kafka';
import type { Send } from './scenarios';

/** Sends each message at its time; resolves when the broker has acknowledged all of them. */
export async function sendScenario(
  producer: Producer,
  topic: string,
  sends: Send[],
): Promise<void> {
  const start = Date.now();
  // The same bytes for each copy: a producer that repeats itself repeats the whole message.
  const occurredAt = new Date(start).toISOString();
  const value = (id: string) =>
    JSON.stringify({ id, type: 'demo.message', occurredAt, payload: { text: `message ${id}` } });
  const acknowledged: Promise<unknown>[] = [];
  for (const { id, atMs } of sends) {
    const wait = start + atMs - Date.now();
    if (wait > 0) await sleep(wait);
    const messages = [{ key: id, value: value(id) }];
    acknowledged.push(producer.send({ topic, acks: -1, messages }));
  }
  await Promise.all(acknowledged);
}
