import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { BRAKE } from '../domain/stream/brake';
import type { LastingState } from '../domain/stream/lasting-state';
import { PAUSE, type PauseReason } from '../domain/stream/pause';
import type { AnyStream } from '../domain/stream/stream';
import { begin, end, reasonOf } from '../temporal/lasting-state';

/** How long to wait for an answer. A running worker of the stream receives the signal within a moment. */
const DEADLINE_MS = 10_000;
const INTERVAL_MS = 200;

/** Pauses the stream for all its processes. A stream that is paused already keeps its reason, which is returned. */
export async function pauseStream(
  client: Client,
  stream: AnyStream,
  { by, reason }: Pick<PauseReason, 'by' | 'reason'>,
): Promise<PauseReason> {
  const since = new Date().toISOString();
  const asked: PauseReason = { stream: stream.name, since, by, reason };
  await begin(client, PAUSE, stream, asked);
  return (await reasonOf(client, PAUSE, stream)) ?? asked;
}

/** Whether a stream is held back, and by what. */
export interface HeldBack {
  stream: AnyStream;
  paused: boolean;
  braked: boolean;
}

/** Says of each stream whether it is paused, and whether it is braked. */
export async function heldBack(client: Client, streams: AnyStream[]): Promise<HeldBack[]> {
  return Promise.all(
    streams.map(async (stream) => {
      const paused = (await reasonOf(client, PAUSE, stream)) !== undefined;
      return { stream, paused, braked: (await reasonOf(client, BRAKE, stream)) !== undefined };
    }),
  );
}

/** Ends the pause and the brake of a stream. `signalled`: no worker of the stream has received the signal yet. */
export async function resumeStream(
  client: Client,
  { stream, paused, braked }: HeldBack,
  by: string,
  deadlineMs = DEADLINE_MS,
): Promise<'resumed' | 'signalled'> {
  const ended = [
    ...(paused ? [endOf(client, PAUSE, stream, by, deadlineMs)] : []),
    // The name of the operator is not part of what a brake says.
    ...(braked ? [endOf(client, BRAKE, stream, 'operator', deadlineMs)] : []),
  ];
  return (await Promise.all(ended)).every(Boolean) ? 'resumed' : 'signalled';
}

/** Whether the state has ended within the deadline. */
async function endOf<Reason extends object>(
  client: Client,
  state: LastingState<Reason>,
  stream: AnyStream,
  by: string,
  deadlineMs: number,
): Promise<boolean> {
  await end(client, state, stream, by);
  const deadline = Date.now() + deadlineMs;
  do {
    if (!(await reasonOf(client, state, stream))) return true;
    await sleep(INTERVAL_MS);
  } while (Date.now() < deadline);
  return false;
}
