import { z } from 'zod';
import type { ReplayFilters } from '../../domain/stream/replay';
import { ProblemError } from '../../http/problem';
import { many, one, sinceOf } from '../screens/screen';

/** Which letters of a stream an action concerns, as the address says. Without anything: all. */
export const chosenInput = z
  .strictObject({
    name: z.string(),
    /** The form of a list, in which a person chooses letters by hand. */
    chosen: one,
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
  })
  .refine(({ chosen, place }) => chosen === undefined || place !== undefined, {
    error: 'You have chosen no letter: tick the boxes of those that you mean.',
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

/** Throws a 400 if the action would concern nothing. */
export function requireSome(count: number, what: string): void {
  if (count === 0) throw new ProblemError(400, `There is nothing to ${what}.`);
}
