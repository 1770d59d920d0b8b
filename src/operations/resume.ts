import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { brakeOf, release } from '../temporal/brake';
import type { AnyStream } from '../domain/stream/stream';

/** A worker of the stream takes the signal within a moment, if one runs. */
const DEADLINE_MS = 10_000;
const INTERVAL_MS = 200;

/** Those of the streams that are braked. */
export async function brakedOf(client: Client, streams: AnyStream[]): Promise<AnyStream[]> {
  const brakes = await Promise.all(streams.map((stream) => brakeOf(client, stream)));
  return streams.filter((_, i) => brakes[i]);
}

/** Ends the brake of a stream. `signalled`: no worker of the stream has taken note so far. */
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
