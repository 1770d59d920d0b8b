import type { AnyStream } from '../../domain/stream/stream';
import { isoTime, type LetterGroup } from '../../operations/letter-index/letter-groups';
import type { LetterIndex } from '../../operations/letter-index/letter-index';

/** A group of dead letters with the same error. */
export interface ShownGroup extends Omit<LetterGroup, 'firstAt' | 'lastAt'> {
  stream: string;
  /** Letters that nobody has settled: open and held ones. */
  unsettled: number;
  /** When its first and its last letter were given up, ISO 8601; null if no letter says. */
  firstAt: string | null;
  lastAt: string | null;
}

const MAX_GROUPS = 20;

/** Which groups a list of letters concerns. */
interface GroupFilters {
  type?: string[] | undefined;
  /** Only groups with a letter that failed at this time or later, in milliseconds since the epoch. */
  since?: number | undefined;
}

/** The groups with letters that nobody has settled, the largest first. */
export function groupsOf(
  indexes: { stream: AnyStream; index: LetterIndex }[],
  { type, since = 0 }: GroupFilters,
): ShownGroup[] {
  return indexes
    .flatMap(({ stream, index }) =>
      index.unsettled().groups.map((group) => ({ stream: stream.name, ...group })),
    )
    .filter(({ errorType, lastAt }) => (type?.includes(errorType) ?? true) && lastAt >= since)
    .map(({ firstAt, lastAt, ...group }) => ({
      ...{ ...group, unsettled: group.counts.open + group.counts.held },
      ...{ firstAt: isoTime(firstAt), lastAt: isoTime(lastAt) },
    }))
    .sort((a, b) => b.unsettled - a.unsettled)
    .slice(0, MAX_GROUPS);
}

/** The errors of these groups, by id, as far as the index knows them. */
export function groupNamesOf(
  index: LetterIndex,
  ids: readonly string[] = [],
): Record<string, string> {
  const names: Record<string, string> = {};
  for (const { id, errorType, example } of index.groups) {
    if (id !== null && ids.includes(id)) names[id] = `"${errorType}: ${example.slice(0, 100)}"`;
  }
  return names;
}
