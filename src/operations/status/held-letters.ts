import type { Client } from '@temporalio/client';
import { describePosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { IsHeld } from '../dead-letters/dead-letters-list';
import { heldHeads } from './status-held';

/** Whether any of the streams can hold keys. */
export function canHold(streams: AnyStream[]): boolean {
  return streams.some(({ afterDeadLetter }) => afterDeadLetter === 'hold');
}

/** Asks Temporal once which keys are held. Returns a function that says whether a letter's record is the head of one. */
export async function heldLetters(client: Client, streams: AnyStream[]): Promise<IsHeld> {
  const held = new Set<string>();
  for (const stream of streams.filter((one) => canHold([one]))) {
    for (const { topic, partition, heads } of await heldHeads(client, stream)) {
      for (const offset of heads) {
        held.add(`${stream.name} ${describePosition({ topic, partition, offset })}`);
      }
    }
  }
  return ({ stream, topic, partition, offset }) =>
    topic !== null &&
    partition !== null &&
    offset !== null &&
    held.has(`${stream} ${describePosition({ topic, partition, offset })}`);
}
