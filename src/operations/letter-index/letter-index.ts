import { deadLetterHeader } from '../../domain/workflow/dead-letter';
import { contentDigest } from '../../domain/record/content-digest';
import type { KafkaRecord, RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { failedAtOf, letterIdentities, originalPosition } from '../dead-letters/dead-letters';
import { UNSETTLED, type LetterStatus } from '../dead-letters/letter-states';
import type { Disposition, ProgressEntry, RunAgainEntry } from '../dead-letters/state-entries';
import { IdentityTable } from './identity-table';
import { LetterColumns, NO_SOURCE } from './letter-columns';
import { emptyCounts, LetterGroups, type LetterGroup, type StatusCounts } from './letter-groups';

/** What replays have done with a letter. */
const EFFECTS = ['none', 'replayed', 'delivered', 'deadAgain'] as const;

/** A letter as the index knows it. */
export interface IndexedLetter {
  partition: number;
  offset: number;
  /** In milliseconds since the epoch; 0 if the letter does not say. */
  failedAt: number;
  status: LetterStatus;
}

/** The letters that nobody has settled: open and held ones. */
export interface Unsettled {
  /** When the oldest was given up, in milliseconds since the epoch; 0 if no letter says. */
  since: number;
  /** Their groups, with the times of these letters. */
  groups: LetterGroup[];
}

/** A letter as the index learns of it. */
export interface NewLetter {
  /** In milliseconds since the epoch; 0 if the letter does not say. */
  failedAt: number;
  /** Where the record came from; undefined if the letter does not say. */
  source: RecordPosition | undefined;
}

/** Which letters a list has. A letter must match all that are given. */
export interface IndexFilters {
  statuses?: readonly LetterStatus[] | undefined;
  /** Ids of groups. */
  groups?: readonly string[] | undefined;
  errorTypes?: readonly string[] | undefined;
  /** Failed at this time or later, or at this time or earlier, in milliseconds since the epoch. */
  since?: number | undefined;
  until?: number | undefined;
}

/**
 * The dead letters of one stream in memory: where each lies, its group and its status. It takes some 140 bytes a letter, so
 * counts and lists need no read of the topic. Letters must be added in the order of their offsets in each partition.
 */
export class LetterIndex {
  readonly #letters = new LetterColumns();
  /** By workflow and by record, the newest letter. */
  readonly #identities = new IdentityTable();
  readonly #groups = new LetterGroups();
  readonly #counts = emptyCounts();
  /** By partition, the numbers of its letters in the order of their offsets. */
  readonly #rows = new Map<number, number[]>();
  /** Grows with every change. */
  #version = 0;
  #unsettled: (Unsettled & { version: number }) | undefined;
  /** Letters whose records are the heads of held keys. */
  #held: number[] = [];

  /** `onLetter` is called for each letter that counts. */
  constructor(
    private readonly stream: Pick<AnyStream, 'name' | 'topic' | 'deadLetterTopic'>,
    private readonly onLetter: (letter: NewLetter) => void = () => undefined,
  ) {}

  get counts(): Readonly<StatusCounts> {
    return this.#counts;
  }

  get groups(): readonly LetterGroup[] {
    return this.#groups.all;
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
    const { name, topic } = this.stream;
    if ((deadLetterHeader(letter, 'stream') ?? name) !== name) return;
    const workflowId = deadLetterHeader(letter, 'workflow-id');
    const run = hash32(deadLetterHeader(letter, 'run-id') ?? '');
    const before = workflowId && this.#identities.get(`workflow ${workflowId}`);
    // An activity that was retried may have written its letter twice.
    if (typeof before === 'number' && this.#letters.run[before] === run) return;
    // Anybody may write a header, also with a time before 1970.
    const failedAt = Math.max(failedAtOf(letter), 0);
    const digest = hash32(contentDigest(letter));
    const errorType = deadLetterHeader(letter, 'error-type') ?? '';
    const message = deadLetterHeader(letter, 'error-message') ?? '';
    const group = this.#groups.add(errorType, message, failedAt);
    const { partition, offset } = letter;
    const source = originalPosition(letter);
    const own = source?.topic === topic ? source : NO_SOURCE;
    const row = this.#letters.add({
      ...{ partition, offset, failedAt, group, run, digest },
      ...{ sourcePartition: own.partition, sourceOffset: own.offset },
    });
    this.#count(row, 1);
    this.#supersede(row, letter, workflowId, digest);
    this.onLetter({ failedAt, source });
    const rows = this.#rows.get(partition);
    if (rows) rows.push(row);
    else this.#rows.set(partition, [row]);
  }

  /** Adds the next entry of the state topic. Its letter must have been added before. */
  addEntry(entry: ProgressEntry | RunAgainEntry | Disposition): void {
    const row =
      entry.kind === 'runAgain'
        ? this.#identities.get(`workflow ${entry.workflowId}`)
        : this.#rowNamed(entry.letter);
    if (row !== undefined) this.#apply(row, entry);
  }

  /** Forgets the letters of a partition that lie before this offset, because the topic has deleted them. */
  dropBefore(partition: number, offset: number): void {
    const rows = this.#rows.get(partition) ?? [];
    for (const row of rows.splice(0, this.#firstAt(rows, offset))) {
      this.#count(row, -1);
      this.#letters.gone[row] = 1;
    }
  }

  /** Says which records are the heads of held keys now. */
  setHeld(heads: readonly { partition: number; offset: number }[]): void {
    const { gone, held, sourcePartition, sourceOffset, size } = this.#letters;
    for (const row of this.#held) this.#change(row, () => (held[row] = 0));
    this.#held = [];
    if (heads.length === 0) return;
    const offsets = new Map<number, Set<number>>();
    for (const { partition, offset } of heads) {
      if (!offsets.has(partition)) offsets.set(partition, new Set());
      offsets.get(partition)!.add(offset);
    }
    for (let row = 0; row < size; row++) {
      if (gone[row] || !offsets.get(sourcePartition[row]!)?.has(sourceOffset[row]!)) continue;
      this.#change(row, () => (held[row] = 1));
      this.#held.push(row);
    }
  }

  /** The letters that nobody has settled. Goes through all letters, but only if something has changed. */
  unsettled(): Unsettled {
    if (this.#unsettled?.version === this.#version) return this.#unsettled;
    const { size, gone, failedAt, group } = this.#letters;
    const groups = new Map<number, { firstAt: number; lastAt: number }>();
    let since = 0;
    for (let row = 0; row < size; row++) {
      if (gone[row] || !UNSETTLED.includes(this.#statusOf(row))) continue;
      const at = failedAt[row]!;
      const times = groups.get(group[row]!);
      if (!times) groups.set(group[row]!, { firstAt: at, lastAt: at });
      else if (at > 0) {
        times.firstAt = times.firstAt === 0 ? at : Math.min(times.firstAt, at);
        times.lastAt = Math.max(times.lastAt, at);
      }
      if (at > 0 && (since === 0 || at < since)) since = at;
    }
    const listed = [...groups].map(([number, times]) => ({ ...this.groups[number]!, ...times }));
    this.#unsettled = { version: this.#version, since, groups: listed };
    return this.#unsettled;
  }

  /** What became of the letter at a position on the dead-letter topic; undefined if no letter of the stream lies there. */
  statusAt(partition: number, offset: number): LetterStatus | undefined {
    const row = this.#rowAt(partition, offset);
    return row === undefined ? undefined : this.#statusOf(row);
  }

  /**
   * Yields the letters that match, the newest first. `before` gives the offset before which a partition's list begins:
   * the letters from there on were on earlier pages.
   */
  *list(
    filters: IndexFilters,
    before: ReadonlyMap<number, number>,
  ): Generator<IndexedLetter, void> {
    const groups = filters.groups && new Set(filters.groups.map((id) => this.#groups.numberOf(id)));
    const { failedAt, offset } = this.#letters;
    const heads = [...this.#rows].map(([partition, rows]) => {
      const end = before.get(partition) ?? Infinity;
      return { partition, rows, next: this.#firstAt(rows, end) - 1 };
    });
    for (;;) {
      let newest: (typeof heads)[number] | undefined;
      let newestAt = -1;
      for (const head of heads) {
        const at = head.next < 0 ? -1 : failedAt[head.rows[head.next]!]!;
        if (at > newestAt) [newest, newestAt] = [head, at];
      }
      if (!newest) return;
      const row = newest.rows[newest.next--]!;
      if (!this.#matches(row, filters, groups)) continue;
      const status = this.#statusOf(row);
      yield { partition: newest.partition, offset: offset[row]!, failedAt: failedAt[row]!, status };
    }
  }

  #matches(
    row: number,
    { statuses, errorTypes, since, until }: IndexFilters,
    groups: Set<number | undefined> | undefined,
  ): boolean {
    const group = this.#letters.group[row]!;
    const failedAt = this.#letters.failedAt[row]!;
    return (
      (groups === undefined || groups.has(group)) &&
      (since === undefined || failedAt >= since) &&
      (until === undefined || (failedAt > 0 && failedAt <= until)) &&
      (statuses === undefined || statuses.includes(this.#statusOf(row))) &&
      (errorTypes === undefined || errorTypes.includes(this.groups[group]!.errorType))
    );
  }

  /** The number of the letter at this position, `<topic>/<partition>@<offset>`. */
  #rowNamed(position: string): number | undefined {
    const [, topic, partition, offset] = /^(.+)\/(\d{1,9})@(\d{1,15})$/.exec(position) ?? [];
    if (topic !== this.stream.deadLetterTopic) return undefined;
    return this.#rowAt(Number(partition), Number(offset));
  }

  #rowAt(partition: number, offset: number): number | undefined {
    const rows = this.#rows.get(partition) ?? [];
    const row = rows[this.#firstAt(rows, offset)];
    return row !== undefined && this.#letters.offset[row] === offset ? row : undefined;
  }

  /** The place in `rows` of the first letter that lies at this offset or behind it. */
  #firstAt(rows: readonly number[], offset: number): number {
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#letters.offset[rows[middle]!]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
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
      // Partitions are read one after the other, so a later letter may have been read before.
      if (other !== undefined && this.#isNewer(other, row)) this.#mark(row);
      else {
        this.#identities.set(identity, row);
        if (other !== undefined && other !== row) this.#mark(other);
      }
    }
    const origin = deadLetterHeader(letter, 'replay-of');
    const sentFrom = origin === undefined ? undefined : this.#rowNamed(origin);
    // Anybody may write a header, so the content must be the same.
    if (sentFrom === undefined || this.#letters.digest[sentFrom] !== digest) return;
    if (!this.#isNewer(sentFrom, row)) this.#mark(sentFrom);
  }

  /** Whether the record of a letter was given up after that of the other one. */
  #isNewer(row: number, other: number): boolean {
    const { failedAt } = this.#letters;
    return failedAt[row]! > failedAt[other]!;
  }

  #mark(row: number): void {
    this.#change(row, () => (this.#letters.superseded[row] = 1));
  }

  #apply(row: number, entry: ProgressEntry | RunAgainEntry | Disposition): void {
    // The entry may be of a letter at this place of a topic that was deleted and made anew.
    if (hash32(entry.runId ?? '') !== this.#letters.run[row]) return;
    if (entry.kind === 'disposition') {
      this.#change(
        row,
        () => (this.#letters.discarded[row] = entry.status === 'discarded' ? 1 : 0),
      );
      return;
    }
    const isRunAgain = entry.kind === 'runAgain';
    const end = entry.ended ?? (isRunAgain ? undefined : entry.result?.end);
    if (!isRunAgain && !entry.started && !entry.sent && !end) return;
    const at = Date.parse(entry.at);
    if (at < this.#letters.effectAt[row]!) return;
    this.#change(row, () => {
      this.#letters.effectAt[row] = at;
      this.#letters.effect[row] = EFFECTS.indexOf(end ?? 'replayed');
    });
  }

  /** Changes a letter and keeps the counts right. */
  #change(row: number, change: () => void): void {
    if (this.#letters.gone[row]) return;
    this.#count(row, -1);
    change();
    this.#count(row, 1);
  }

  #count(row: number, by: 1 | -1): void {
    const status = this.#statusOf(row);
    this.#version++;
    this.#counts[status] += by;
    this.groups[this.#letters.group[row]!]!.counts[status] += by;
  }

  #statusOf(row: number): LetterStatus {
    const { superseded, discarded, effect, held } = this.#letters;
    const done = EFFECTS[effect[row]!]!;
    if (discarded[row]) return 'discarded';
    if (superseded[row] || done === 'deadAgain') return 'superseded';
    if (done !== 'none') return done;
    return held[row] ? 'held' : 'open';
  }
}

/** FNV-1a in 32 bits. Only a guard beside a position, or beside a hash of 64 bits. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
