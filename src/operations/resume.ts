import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { brakeOf, release } from '../temporal/brake';
import type { AnyStream } from '../domain/stream/stream';

/** How long to wait for an answer. A running worker of the stream receives the signal within a moment. */
const DEADLINE_MS = 10_000;
const INTERVAL_MS = 200;

/** Returns the streams that are braked. */
export async function brakedOf(client: Client, streams: AnyStream[]): Promise<AnyStream[]> {
  const brakes = await Promise.all(streams.map((stream) => brakeOf(client, stream)));
  return streams.filter((_, i) => brakes[i]);
}

/** Releases the brake of a stream. `signalled`: no worker of the stream has received the signal yet. */
export async function resumeStream(
  client: Client,
  stream: AnyStream,
  deadlineMs = DEADLINE_MS,
): Promise<'resumed' | 'signalled'> {
  await release(client, stream, 'operator');
  const deadline = Date.now() + deadlineMs;
  do {
    if (!(await brakeOf(client, stream))) return 'resumed';
    await sleep(INTERVAL_MS);
  } while (Date.now() < deadline);
  return 'signalled';
}
