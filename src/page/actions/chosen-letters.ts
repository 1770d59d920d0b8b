import { z } from 'zod';
import type { ReplayFilters } from '../../domain/stream/replay';
import { ProblemError } from '../../http/problem';
import { many, one, sinceOf } from '../screens/screen';

/** Which letters of a stream an action concerns, as the address says. Without anything: all. */
export const chosenInput = z.strictObject({
  name: z.string(),
  /** Positions on the dead-letter topic. The form of a list sends an empty one besides, so that none is not all. */
  place: z
    .union([z.string().transform((text) => [text]), z.array(z.string())])
    .transform((texts) => texts.filter((text) => text !== ''))
    .pipe(z.array(z.string().regex(/^\d{1,9}:\d{1,15}$/)).max(1_000))
    .optional(),
  type: many,
  group: many,
  since: one,
  q: one,
});
export type ChosenInput = z.output<typeof chosenInput>;

/**
 * The filters of a replay for these letters. A duration in `since` counts back from now. Throws a 400 if letters were to
 * be chosen by hand, and none was.
 */
export function filtersOf({ place, type, group, since, q }: ChosenInput): ReplayFilters {
  if (place?.length === 0) {
    throw new ProblemError(
      400,
      'You have chosen no letter. Go back, and tick those that you mean.',
    );
  }
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
