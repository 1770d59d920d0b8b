import { randomBytes } from 'node:crypto';
import type { Kafka } from '../../kafka/kafka';
import { UsageError } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import type { ReplayFilters, ReplayRequest } from '../../domain/stream/replay';
import { topicRanges } from '../topic/read-topic';

/** How often a record is sent back to its topic at the most, if nothing else is said. */
export const MAX_REPLAYS = 3;

export interface ReplayOptions {
  /** Who asks for the replay. */
  by: string;
  filters: ReplayFilters;
  /** Limit for how often a record is sent back to its topic. Default: 3. */
  maxReplays?: number | undefined;
  /** Whether it waits for the end of each record. Default: false. */
  wait?: boolean | undefined;
  /** Limit for the records that are begun per second. Default: no limit. */
  rate?: number | undefined;
}

/** Asks for a new replay of the letters that are on the topic now. Throws a {@link UsageError} if there is no topic. */
export async function newReplay(
  kafka: Kafka,
  stream: AnyStream,
  { by, filters, maxReplays = MAX_REPLAYS, wait = false, rate }: ReplayOptions,
): Promise<ReplayRequest> {
  const at = new Date().toISOString();
  const { name, deadLetterTopic } = stream;
  const ranges = await topicRanges(kafka, deadLetterTopic);
  if (!ranges) {
    throw new UsageError(`no topic ${deadLetterTopic}: "cloudsync topics create" makes it`);
  }
  return {
    stream: name,
    replay: `${at.slice(0, 19).replace(/[-:]/g, '')}-${randomBytes(3).toString('hex')}`,
    ...{ by, at, deadLetterTopic, ranges, filters: safeFilters(filters), maxReplays, wait },
    ...(rate !== undefined && { rate }),
  };
}

/** A worker of an earlier version knows neither groups nor texts. With no places it takes no letter, rather than too many. */
function safeFilters(filters: ReplayFilters): ReplayFilters {
  const { groups, text, places } = filters;
  return groups === undefined && text === undefined
    ? filters
    : { places: places ?? [], ...filters };
}

/** Asks for more of a replay that was stopped. It keeps its id, its letters and its filters. */
export function resumedReplay(
  { stream, replay, at, deadLetterTopic, ranges, filters, ...before }: Omit<ReplayRequest, 'by'>,
  { by, rate = before.rate, wait = false }: Pick<ReplayOptions, 'by' | 'rate' | 'wait'>,
): ReplayRequest {
  return {
    ...{ stream, replay, by, at, deadLetterTopic, ranges, filters },
    ...{ maxReplays: before.maxReplays, wait: before.wait || wait },
    ...(rate !== undefined && { rate }),
  };
}
