import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { AnyStream } from '../../domain/stream/stream';
import { mapConcurrently } from '../../lib/concurrently';
import { failedEntry, type FailedEntry } from '../runs/failed-entry';
import { CONCURRENCY, latestFailedRuns } from '../runs/failed-runs';

export interface ListFailedOptions {
  /** Only workflows that failed at this time or later. */
  since?: Date | undefined;
  /** At most this many entries, the newest. Default: all. */
  limit?: number | undefined;
  onProgress?: (found: number) => void;
}

/** Lists the streams' workflows whose latest run failed: one entry per workflow id, newest first. */
export async function listFailed(
  client: Client,
  streams: AnyStream[],
  { since, limit = Infinity, onProgress }: ListFailedOptions = {},
): Promise<FailedEntry[]> {
  const entries: FailedEntry[] = [];
  for (const stream of streams) {
    const end = entries.length + limit;
    const runs = latestFailedRuns(client, stream, since);
    for await (const entry of mapConcurrently(runs, CONCURRENCY, (run) =>
      failedEntry(client, stream.name, run).catch(ignoreGone),
    )) {
      if (!entry) continue;
      entries.push(entry);
      onProgress?.(entries.length);
      if (entries.length >= end) break;
    }
  }
  return newestFirst(entries).slice(0, limit);
}

/** Retention may have deleted a workflow since it was listed. */
function ignoreGone(error: unknown): undefined {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}

export function newestFirst<Entry extends Pick<FailedEntry, 'failedAt'>>(
  entries: Entry[],
): Entry[] {
  const time = ({ failedAt }: Entry) => (failedAt === null ? 0 : Date.parse(failedAt));
  return entries.sort((a, b) => time(b) - time(a));
}
