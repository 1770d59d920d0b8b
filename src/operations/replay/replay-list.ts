import type { Client } from '@temporalio/client';
import type { AnyStream } from '../../domain/stream/stream';
import type { ReplayFilters, ReplayProgress, ReplayRequest } from '../../domain/stream/replay';
import type { ReplayEntry } from '../dead-letters/state-entries';
import { runningReplay, stateOf } from './replay-start';

/** A replay of dead letters. */
export interface ListedReplay {
  replay: string;
  stream: string;
  /** Who asked for it. */
  by: string;
  /** When it was asked for, ISO 8601. */
  at: string;
  /** `waiting`: it has begun, and no worker has taken it yet. */
  state: 'waiting' | 'running' | 'done' | 'stopped';
  endedAt: string | null;
  /** Which letters it takes; null while it waits. */
  filters: ReplayFilters | null;
  /** How far the replay has come; null unless it runs. */
  progress: Pick<ReplayProgress, 'done' | 'total' | 'text'> | null;
  /** Letters by what was done with them, and by how their records ended. */
  counts: Record<string, number>;
}

/**
 * Lists the stream's replays in the order in which they began. `read` gives what the state topic says of them. Temporal
 * says which one runs, and how far it has come. Temporal is asked first, so a replay that ends meanwhile does not look as
 * if it was stopped.
 */
export async function listReplays(
  client: Client,
  stream: AnyStream,
  read: () => Promise<ReadonlyMap<string, ReplayEntry>>,
): Promise<ListedReplay[]> {
  const running = await runningReplay(client, stream);
  const progress = (running && (await stateOf(client, running.run)).progress) ?? null;
  const replays = await read();
  const listed = [...replays.values()].map(({ request, endedAt, stopped, counts }) => {
    const isRunning = running?.replay === request.replay;
    const ended = endedAt !== null && !stopped ? 'done' : 'stopped';
    return {
      ...told(request, stream),
      endedAt: isRunning ? null : endedAt,
      state: isRunning ? 'running' : ended,
      filters: request.filters,
      progress: isRunning ? progress : null,
      counts: (isRunning ? progress?.counts : undefined) ?? counts,
    } satisfies ListedReplay;
  });
  if (!running || replays.has(running.replay)) return listed;
  const begun = { endedAt: null, filters: null, progress: null, counts: {} };
  return [...listed, { ...told(running, stream), ...begun, state: 'waiting' }];
}

function told(
  { replay, by, at }: Pick<ReplayRequest, 'replay' | 'by' | 'at'>,
  { name }: Pick<AnyStream, 'name'>,
): Pick<ListedReplay, 'replay' | 'stream' | 'by' | 'at'> {
  return { replay, stream: name, by, at };
}
