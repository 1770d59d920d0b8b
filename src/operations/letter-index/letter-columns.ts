/** What is known of a letter besides its identities. Fixed sizes, because a topic may have millions of letters. */
export interface LetterRow {
  partition: number;
  offset: number;
  /** When the record was given up, in milliseconds since the epoch; 0 if the letter does not say. */
  failedAt: number;
  /** Number of the letter's group: its error type and message. */
  group: number;
  /** 32 bits of the run that wrote the letter. */
  run: number;
  /** 32 bits of the record's content. */
  digest: number;
  /** Where the record lay on the stream's topic; {@link NO_SOURCE} if the letter does not say. */
  sourcePartition: number;
  sourceOffset: number;
}

/** Stands for a position that is not known. */
export const NO_SOURCE = { partition: 0xffff, offset: -1 };

const FIRST_CAPACITY = 1_024;

/** The letters of an index, in the order in which they were read: 53 bytes a letter, up to twice that with free places. */
export class LetterColumns {
  size = 0;
  partition = new Uint16Array(FIRST_CAPACITY);
  offset = new Float64Array(FIRST_CAPACITY);
  failedAt = new Float64Array(FIRST_CAPACITY);
  group = new Uint32Array(FIRST_CAPACITY);
  run = new Uint32Array(FIRST_CAPACITY);
  digest = new Uint32Array(FIRST_CAPACITY);
  sourcePartition = new Uint16Array(FIRST_CAPACITY);
  sourceOffset = new Float64Array(FIRST_CAPACITY);
  /** A later letter of the record is on the topic. */
  superseded = new Uint8Array(FIRST_CAPACITY);
  /** The record is the head of a held key. */
  held = new Uint8Array(FIRST_CAPACITY);
  /** The topic has deleted the letter. */
  gone = new Uint8Array(FIRST_CAPACITY);
  discarded = new Uint8Array(FIRST_CAPACITY);
  /** What replays have done: an index of `EFFECTS`. */
  effect = new Uint8Array(FIRST_CAPACITY);
  /** When the last replay with an effect wrote its entry, in milliseconds since the epoch. */
  effectAt = new Float64Array(FIRST_CAPACITY);

  /** Bytes of memory. */
  get bytes(): number {
    return this.#all().reduce((sum, column) => sum + column.byteLength, 0);
  }

  /** Adds a letter, and returns its number. */
  add(letter: LetterRow): number {
    if (this.size === this.offset.length) this.#grow();
    const row = this.size++;
    this.partition[row] = letter.partition;
    this.offset[row] = letter.offset;
    this.failedAt[row] = letter.failedAt;
    this.group[row] = letter.group;
    this.run[row] = letter.run;
    this.digest[row] = letter.digest;
    this.sourcePartition[row] = letter.sourcePartition;
    this.sourceOffset[row] = letter.sourceOffset;
    return row;
  }

  #all() {
    const { partition, offset, failedAt, group, run, digest } = this;
    const { sourcePartition, sourceOffset, superseded, held, gone, discarded, effect, effectAt } =
      this;
    return [
      partition,
      offset,
      failedAt,
      group,
      run,
      digest,
      sourcePartition,
      sourceOffset,
      superseded,
      held,
      gone,
      discarded,
      effect,
      effectAt,
    ];
  }

  #grow(): void {
    const grown = <Column extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
      column: Column,
    ): Column => {
      const larger = new (column.constructor as new (length: number) => Column)(2 * column.length);
      larger.set(column);
      return larger;
    };
    this.partition = grown(this.partition);
    this.offset = grown(this.offset);
    this.failedAt = grown(this.failedAt);
    this.group = grown(this.group);
    this.run = grown(this.run);
    this.digest = grown(this.digest);
    this.sourcePartition = grown(this.sourcePartition);
    this.sourceOffset = grown(this.sourceOffset);
    this.held = grown(this.held);
    this.gone = grown(this.gone);
    this.superseded = grown(this.superseded);
    this.discarded = grown(this.discarded);
    this.effect = grown(this.effect);
    this.effectAt = grown(this.effectAt);
  }
}
