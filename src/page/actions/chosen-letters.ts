import { z } from 'zod';
import type { ReplayFilters } from '../../domain/stream/replay';
import { ProblemError } from '../../http/problem';
import { parseSince } from '../../operations/runs/failed-since';
import { many, one } from '../screens/screen';

/** Which letters of a stream an action concerns, as the address says. Without anything: all. */
export const chosenInput = z.object({
  name: z.string(),
  /** Positions on the dead-letter topic. */
  place: many.pipe(
    z
      .array(z.string().regex(/^\d{1,9}:\d{1,15}$/))
      .max(1_000)
      .optional(),
  ),
  type: many,
  group: many,
  since: one,
  q: one,
});
export type ChosenInput = z.output<typeof chosenInput>;

/** The filters of a replay for these letters. A duration in `since` counts back from now. */
export function filtersOf({ place, type, group, since, q }: ChosenInput): ReplayFilters {
  return {
    ...(place && { places: place }),
    ...(type && { errorTypes: type }),
    ...(group && { groups: group }),
    ...(since !== undefined && { since: sinceOf(since).toISOString() }),
    ...(q !== undefined && { text: q }),
  };
}

/** The time, in steps. So a duration before now is the same question for a while. */
export function sinceOf(text: string): Date {
  const STEP_MS = 60_000;
  return parseSince(text, new Date(Math.floor(Date.now() / STEP_MS) * STEP_MS));
}

/** The filters in words. */
export function describeFilters(filters: ReplayFilters): string {
  const { places, errorTypes, groups, messageIds, since, until, text, limit } = filters;
  const parts = [
    places?.length && `at ${places.slice(0, 20).join(', ')}${places.length > 20 ? ', …' : ''}`,
    errorTypes && `of type ${errorTypes.join(', ')}`,
    groups && `of group ${groups.join(', ')}`,
    messageIds && `of message ${messageIds.join(', ')}`,
    since && `failed since ${since}`,
    until && `failed until ${until}`,
    text && `with the text ${JSON.stringify(text)}`,
    limit !== undefined && `at most ${limit}`,
  ].filter(Boolean);
  return parts.length === 0 ? 'all letters' : `letters ${parts.join(', ')}`;
}

/** Throws a 400 if the action would concern nothing. */
export function requireSome(count: number, what: string): void {
  if (count === 0) throw new ProblemError(400, `There is nothing to ${what}.`);
}
