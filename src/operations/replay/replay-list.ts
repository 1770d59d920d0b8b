import type { Client } from '@temporalio/client';
import type { Kafka } from '../../kafka/kafka';
import type { AnyStream } from '../../domain/stream/stream';
import type { ReplayProgress } from '../../domain/stream/replay';
import { statesOf } from '../dead-letters/letter-states';
import { runningReplay, stateOf } from './replay-start';

/** A replay of dead letters. */
export interface ListedReplay {
  replay: string;
  stream: string;
  /** Who asked for it, as `user@host`. */
  by: string;
  /** When it was asked for, ISO 8601. */
  at: string;
  /** `waiting`: it has begun, and no worker has taken it yet. */
  state: 'waiting' | 'running' | 'done' | 'stopped';
  endedAt: string | null;
  /** How far the replay has come; null unless it runs. */
  progress: Pick<ReplayProgress, 'done' | 'total' | 'text'> | null;
  /** Letters by what was done with them, and by how their records ended. */
  counts: Record<string, number>;
}

/** Lists the stream's replays in the order in which they began. */
export async function listReplays(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
): Promise<ListedReplay[]> {
  const states = await statesOf(kafka, stream);
  const running = await runningReplay(client, stream);
  const progress = (running && (await stateOf(client, running.run)).progress) ?? null;
  const listed = [...states.replays.values()].map(({ request, endedAt, stopped, counts }) => {
    const { replay, by, at } = request;
    const isRunning = running?.replay === replay;
    const ended = endedAt !== null && !stopped ? 'done' : 'stopped';
    return {
      ...{ replay, stream: stream.name, by, at, endedAt: isRunning ? null : endedAt },
      state: isRunning ? 'running' : ended,
      progress: isRunning ? progress : null,
      counts: (isRunning ? progress?.counts : undefined) ?? counts,
    } satisfies ListedReplay;
  });
  if (running && !states.replays.has(running.replay)) {
    const { replay, by, at } = running;
    const begun = { replay, stream: stream.name, by, at, endedAt: null, progress: null };
    return [...listed, { ...begun, state: 'waiting', counts: {} }];
  }
  return listed;
}
