import type { AnyStream } from '../../domain/stream/stream';
import type { LetterGroup } from '../../operations/letter-index/letter-groups';
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

/** The groups with letters that nobody has settled, the largest first. */
export function groupsOf(indexes: { stream: AnyStream; index: LetterIndex }[]): ShownGroup[] {
  return indexes
    .flatMap(({ stream, index }) =>
      index.groups.map(({ firstAt, lastAt, ...group }) => ({
        ...{ stream: stream.name, ...group, unsettled: group.counts.open + group.counts.held },
        ...{ firstAt: timeOf(firstAt), lastAt: timeOf(lastAt) },
      })),
    )
    .filter(({ unsettled }) => unsettled > 0)
    .sort((a, b) => b.unsettled - a.unsettled)
    .slice(0, MAX_GROUPS);
}

function timeOf(milliseconds: number): string | null {
  return milliseconds === 0 ? null : new Date(milliseconds).toISOString();
}
