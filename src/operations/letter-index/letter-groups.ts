import { groupIdOf, MAX_EXAMPLE } from '../dead-letters/group-id';
import { LETTER_STATUSES, type LetterStatus } from '../dead-letters/letter-states';

export type StatusCounts = Record<LetterStatus, number>;

/** Letters with the same error type, and with messages that differ only in numbers, ids and quoted texts. */
export interface LetterGroup {
  /** 16 hexadecimal digits, which are the same in every process. Null for the letters of a type that exceed the limit. */
  id: string | null;
  errorType: string;
  /** The message of the group's first letter. */
  example: string;
  /** When its first and its last letter were given up, in milliseconds since the epoch; 0 if no letter says. */
  firstAt: number;
  lastAt: number;
  counts: StatusCounts;
}

/** The most groups. Letters of further ones count as a group of their type. */
const MAX_GROUPS = 5_000;

/** The groups of a stream's dead letters, by number in the order of their first letters. */
export class LetterGroups {
  readonly all: LetterGroup[] = [];
  readonly #byId = new Map<string, number>();
  readonly #byType = new Map<string, number>();

  /** The number of the group with this id; undefined if there is none. */
  numberOf(id: string): number | undefined {
    return this.#byId.get(id);
  }

  /** Adds a letter to its group, and returns the group's number. */
  add(errorType: string, message: string, failedAt: number): number {
    const id = groupIdOf(errorType, message);
    const number = this.#byId.get(id) ?? this.#begin(id, errorType, message);
    const group = this.all[number]!;
    if (failedAt > 0) {
      group.firstAt = group.firstAt === 0 ? failedAt : Math.min(group.firstAt, failedAt);
      group.lastAt = Math.max(group.lastAt, failedAt);
    }
    return number;
  }

  #begin(id: string, errorType: string, message: string): number {
    const isFull = this.all.length >= MAX_GROUPS;
    const further = isFull ? this.#byType.get(errorType) : undefined;
    if (further !== undefined) return further;
    const number = this.all.length;
    if (isFull) this.#byType.set(errorType, number);
    else this.#byId.set(id, number);
    this.all.push({
      ...{ id: isFull ? null : id, errorType, example: message.slice(0, MAX_EXAMPLE) },
      ...{ firstAt: 0, lastAt: 0, counts: emptyCounts() },
    });
    return number;
  }
}

/** ISO 8601; null for 0, which stands for a time that is not known. */
export function isoTime(milliseconds: number): string | null {
  return milliseconds === 0 ? null : new Date(milliseconds).toISOString();
}

export function emptyCounts(): StatusCounts {
  return Object.fromEntries(LETTER_STATUSES.map((status) => [status, 0])) as StatusCounts;
}
