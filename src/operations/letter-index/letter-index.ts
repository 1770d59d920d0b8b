import { deadLetterHeader } from '../../domain/workflow/dead-letter';
import { contentDigest } from '../../domain/record/content-digest';
import type { KafkaRecord } from '../../domain/record/record';
import { letterIdentities, originalPosition, time } from '../dead-letters/dead-letters';
import { LETTER_STATUSES, type LetterStatus, type StateEntry } from '../dead-letters/letter-states';
import { IdentityTable } from './identity-table';
import { LetterColumns } from './letter-columns';

/** What replays have done with a letter. */
const EFFECTS = ['none', 'replayed', 'delivered', 'deadAgain'] as const;

export type StatusCounts = Record<LetterStatus, number>;

/** Letters with the same error type, and with messages that differ only in numbers, ids and quoted texts. */
export interface LetterGroup {
  errorType: string;
  /** The message of the group's first letter. */
  example: string;
  /** When its first and its last letter were given up, in milliseconds since the epoch; 0 if no letter says. */
  firstAt: number;
  lastAt: number;
  counts: StatusCounts;
}

/** A letter as the index knows it. */
export interface IndexedLetter {
  partition: number;
  offset: number;
  /** In milliseconds since the epoch; 0 if the letter does not say. */
  failedAt: number;
  /** Number of its group in `groups`. */
  group: number;
  status: LetterStatus;
}

export interface IndexFilters {
  statuses?: readonly LetterStatus[] | undefined;
  group?: number | undefined;
  errorTypes?: readonly string[] | undefined;
  /** Failed at this time or later, in milliseconds since the epoch. */
  since?: number | undefined;
}

/** The most groups. Letters of further ones count as a group of their type. */
const MAX_GROUPS = 5_000;
const MAX_EXAMPLE = 500;

/**
 * The dead letters of one stream in memory: where each lies, its group and its status. It takes some 130 bytes a letter, so
 * counts and lists need no read of the topic. Letters must be added in the order of their offsets in each partition.
 */
export class LetterIndex {
  readonly #letters = new LetterColumns();
  /** By workflow and by record, the newest letter. */
  readonly #identities = new IdentityTable();
  readonly #groups: LetterGroup[] = [];
  readonly #groupsByKey = new Map<string, number>();
  readonly #counts = emptyCounts();
  /** By partition, the numbers of its letters in the order of their offsets. */
  readonly #rows = new Map<number, number[]>();

  constructor(private readonly stream: { name: string; deadLetterTopic: string }) {}

  get counts(): Readonly<StatusCounts> {
    return this.#counts;
  }

  get groups(): readonly LetterGroup[] {
    return this.#groups;
  }

  get size(): number {
    return this.#letters.size;
  }

  /** Bytes of memory of letters and identities. */
  get bytes(): number {
    return this.#letters.bytes + this.#identities.bytes;
  }

  /** Adds the next letter of the topic. Letters of other streams, and repeated ones, do not count. */
  addLetter(letter: KafkaRecord): void {
    const { name } = this.stream;
    if ((deadLetterHeader(letter, 'stream') ?? name) !== name) return;
    const workflowId = deadLetterHeader(letter, 'workflow-id');
    const run = hash32(deadLetterHeader(letter, 'run-id') ?? '');
    const before = workflowId && this.#identities.get(`workflow ${workflowId}`);
    // An activity that was retried may have written its letter twice.
    if (typeof before === 'number' && this.#letters.run[before] === run) return;
    const failedAt = Date.parse(time(deadLetterHeader(letter, 'failed-at') ?? null) ?? '') || 0;
    const digest = hash32(contentDigest(letter));
    const group = this.#groupOf(letter, failedAt);
    const { partition, offset } = letter;
    const row = this.#letters.add({ partition, offset, failedAt, group, run, digest });
    this.#count(row, 1);
    this.#supersede(row, letter, workflowId, digest);
    const rows = this.#rows.get(partition);
    if (rows) rows.push(row);
    else this.#rows.set(partition, [row]);
  }

  /** Adds the next entry of the state topic. Its letter must have been added before. */
  addEntry(entry: StateEntry): void {
    if (entry.kind === 'replay') return;
    const row = this.#rowAt(entry.letter);
    if (row !== undefined) this.#apply(row, entry);
  }

  /** The number of the letter at this position, `<topic>/<partition>@<offset>`. */
  #rowAt(position: string): number | undefined {
    const [, topic, partition, offset] = /^(.+)\/(\d{1,9})@(\d{1,15})$/.exec(position) ?? [];
    const rows = this.#rows.get(Number(partition));
    if (topic !== this.stream.deadLetterTopic || !rows) return undefined;
    let [low, high] = [0, rows.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#letters.offset[rows[middle]!]! - Number(offset);
      if (found === 0) return rows[middle];
      if (found < 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  /**
   * The letters that match, the newest first. `before` is the number of the letter behind which the list goes on: the
   * `next` of the page before.
   */
  list(
    filters: IndexFilters,
    limit: number,
    before = this.#letters.size,
  ): { letters: IndexedLetter[]; next: number | null } {
    const letters: IndexedLetter[] = [];
    for (let row = Math.min(before, this.#letters.size) - 1; row >= 0; row--) {
      if (!this.#matches(row, filters)) continue;
      if (letters.length === limit) return { letters, next: row + 1 };
      const { partition, offset, failedAt, group } = this.#letters;
      letters.push({
        ...{ partition: partition[row]!, offset: offset[row]!, failedAt: failedAt[row]! },
        ...{ group: group[row]!, status: this.#statusOf(row) },
      });
    }
    return { letters, next: null };
  }

  #matches(row: number, { statuses, group, errorTypes, since }: IndexFilters): boolean {
    const ofLetter = this.#letters.group[row]!;
    return (
      (group === undefined || group === ofLetter) &&
      (since === undefined || this.#letters.failedAt[row]! >= since) &&
      (statuses === undefined || statuses.includes(this.#statusOf(row))) &&
      (errorTypes === undefined || errorTypes.includes(this.#groups[ofLetter]!.errorType))
    );
  }

  /** Marks what the letter replaces: the letter before of its workflow, of its record, and of what it was sent back from. */
  #supersede(
    row: number,
    letter: KafkaRecord,
    workflowId: string | undefined,
    digest: number,
  ): void {
    const source = originalPosition(letter);
    for (const identity of letterIdentities(workflowId, source, letter.timestamp)) {
      const other = this.#identities.get(identity);
      this.#identities.set(identity, row);
      if (other !== undefined && other !== row) this.#mark(other);
    }
    const origin = deadLetterHeader(letter, 'replay-of');
    const sentFrom = origin === undefined ? undefined : this.#rowAt(origin);
    // Anybody may write a header, so the content must be the same.
    if (sentFrom !== undefined && this.#letters.digest[sentFrom] === digest) this.#mark(sentFrom);
  }

  #mark(row: number): void {
    this.#change(row, () => (this.#letters.superseded[row] = 1));
  }

  #apply(row: number, entry: Exclude<StateEntry, { kind: 'replay' }>): void {
    // The entry may be of a letter at this place of a topic that was deleted and made anew.
    if (hash32(entry.runId ?? '') !== this.#letters.run[row]) return;
    if (entry.kind === 'disposition') {
      this.#change(
        row,
        () => (this.#letters.discarded[row] = entry.status === 'discarded' ? 1 : 0),
      );
      return;
    }
    const end = entry.ended ?? entry.result?.end;
    if (!entry.started && !entry.sent && !end) return;
    const at = Date.parse(entry.at);
    if (at < this.#letters.effectAt[row]!) return;
    this.#change(row, () => {
      this.#letters.effectAt[row] = at;
      this.#letters.effect[row] = EFFECTS.indexOf(end ?? 'replayed');
    });
  }

  /** Changes a letter and keeps the counts right. */
  #change(row: number, change: () => void): void {
    this.#count(row, -1);
    change();
    this.#count(row, 1);
  }

  #count(row: number, by: 1 | -1): void {
    const status = this.#statusOf(row);
    this.#counts[status] += by;
    this.#groups[this.#letters.group[row]!]!.counts[status] += by;
  }

  #statusOf(row: number): LetterStatus {
    const { superseded, discarded, effect } = this.#letters;
    const done = EFFECTS[effect[row]!]!;
    if (discarded[row]) return 'discarded';
    if (superseded[row] || done === 'deadAgain') return 'superseded';
    return done === 'none' ? 'open' : done;
  }

  #groupOf(letter: KafkaRecord, failedAt: number): number {
    const errorType = deadLetterHeader(letter, 'error-type') ?? '';
    const message = deadLetterHeader(letter, 'error-message') ?? '';
    const full = this.#groups.length >= MAX_GROUPS;
    const ownKey = `${errorType}\n${shapeOf(message)}`;
    const key = full && !this.#groupsByKey.has(ownKey) ? `${errorType}\n` : ownKey;
    let number = this.#groupsByKey.get(key);
    if (number === undefined) {
      number = this.#groups.length;
      this.#groupsByKey.set(key, number);
      const example = message.slice(0, MAX_EXAMPLE);
      const times = { firstAt: failedAt, lastAt: failedAt };
      this.#groups.push({ errorType, example, ...times, counts: emptyCounts() });
    }
    const group = this.#groups[number]!;
    if (failedAt > 0) {
      group.firstAt = group.firstAt === 0 ? failedAt : Math.min(group.firstAt, failedAt);
      group.lastAt = Math.max(group.lastAt, failedAt);
    }
    return number;
  }
}

/** The message without what differs between letters of the same cause: quoted texts, ids and numbers. */
export function shapeOf(message: string): string {
  return message
    .slice(0, MAX_EXAMPLE)
    .replace(/"[^"\n]*"|'[^'\n]*'|`[^`\n]*`/g, '""')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27,}/gi, '#')
    .replace(/[0-9a-f]*\d[0-9a-f]*/gi, '#');
}

function emptyCounts(): StatusCounts {
  return Object.fromEntries(LETTER_STATUSES.map((status) => [status, 0])) as StatusCounts;
}

/** FNV-1a in 32 bits. Only a guard beside a position, or beside a hash of 64 bits. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
