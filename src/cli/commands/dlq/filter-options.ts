import type { Command } from 'commander';
import { UsageError } from '../../../domain/errors';
import type { ReplayFilters } from '../../../domain/stream/replay';
import { parseSince } from '../../../operations/runs/failed-since';
import { repeatable } from '../topics';

/** Options that choose letters. */
export interface FilterFlags {
  errorType?: string[];
  id?: string[];
  since?: Date;
  until?: Date;
  group?: string[];
  text?: string;
  limit?: number;
}

const TIME = 'ISO 8601, or a duration back from now like 15m, 2h, 7d';
const time = (text: string) => parseSince(text);

/** Adds the options that choose letters, except `--limit`, whose order differs between commands. */
export function withFilterOptions(command: Command): Command {
  return command
    .option('--error-type <type>', 'only of this error type (repeatable)', repeatable)
    .option('--id <message-id>', 'only of this message (repeatable)', repeatable)
    .option('--group <id>', 'only of this group, as "dlq groups" shows it (repeatable)', repeatable)
    .option('--text <text>', 'only if id, key, error or workflow id contain it')
    .option('--since <time>', `failed at or after: ${TIME}`, time)
    .option('--until <time>', `failed at or before: ${TIME}`, time);
}

/** Throws a {@link UsageError} if a place is none. */
export function filtersOf(
  places: string[],
  { errorType, id, group, text, since, until, limit }: FilterFlags,
): ReplayFilters {
  const wrong = places.find((place) => !/^\d{1,9}:\d{1,15}$/.test(place));
  if (wrong !== undefined) {
    throw new UsageError(
      `${JSON.stringify(wrong)} is not partition:offset, as "dlq list" shows it`,
    );
  }
  return {
    ...(places.length > 0 && {
      places: places.map((place) => place.split(':').map(Number).join(':')),
    }),
    ...(errorType && { errorTypes: errorType }),
    ...(id && { messageIds: id }),
    ...(group && { groups: group }),
    ...(text !== undefined && { text }),
    ...(since && { since: since.toISOString() }),
    ...(until && { until: until.toISOString() }),
    ...(limit !== undefined && { limit }),
  };
}
