import type { Head, HeldKeysState, HeldRecord } from '../../domain/stream/hold';

/**
 * Limits the memo, in which a held key takes some 45 bytes. MySQL, where it holds Temporal's lists of workflows,
 * keeps the memo in a column of 64 KiB.
 */
export const MAX_HELD_KEYS = 1_000;
/** Limits the input of the next run, in which a record takes some 30 bytes; Temporal accepts 2 MiB. */
export const MAX_HELD_RECORDS = 10_000;

interface HeldKey {
  readonly records: HeldRecord[];
  deliveredOffset: number | undefined;
}

/** The held keys of a partition with their dead records. The first record of a key is its head. */
export class HeldKeys {
  readonly #keys = new Map<string, HeldKey>();
  #count = 0;

  constructor(state: HeldKeysState) {
    for (const [keyHash, records, deliveredOffset] of state) {
      this.#keys.set(keyHash, { records: [...records], deliveredOffset });
      this.#count += records.length;
    }
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0;
  }

  get state(): HeldKeysState {
    return [...this.#keys].map(([keyHash, { records, deliveredOffset }]) =>
      deliveredOffset === undefined ? [keyHash, records] : [keyHash, records, deliveredOffset],
    );
  }

  get heads(): Record<string, Head> {
    return Object.fromEntries(
      [...this.#keys].map(([keyHash, { records, deliveredOffset }]): [string, Head] => [
        keyHash,
        deliveredOffset === undefined ? records[0]! : [...records[0]!, deliveredOffset],
      ]),
    );
  }

  /** Holds the key, or returns why there is no room. A message that is already held keeps its position. */
  hold(keyHash: string, record: HeldRecord): string | undefined {
    const key = this.#keys.get(keyHash);
    if (key?.records.some((one) => isSame(one, record))) return undefined;
    if (this.#count >= MAX_HELD_RECORDS) return full(`${this.#count} records of held keys`);
    if (!key && this.#keys.size >= MAX_HELD_KEYS) return full(`${this.#keys.size} held keys`);
    this.#count++;
    if (key) key.records.push(record);
    else this.#keys.set(keyHash, { records: [record], deliveredOffset: undefined });
    return undefined;
  }

  /** The sink has the key's head: removes it. Changes nothing if the record is not the head. */
  delivered(keyHash: string, record: HeldRecord): void {
    const key = this.#keys.get(keyHash);
    if (!key || !isSame(key.records[0]!, record)) return;
    this.#removeHead(keyHash, key);
    key.deliveredOffset = record[0];
  }

  /** Removes the head at this offset, which shall never be delivered. False: no key has a head there. */
  giveUp(offset: number): boolean {
    for (const [keyHash, key] of this.#keys) {
      if (key.records[0]![0] !== offset) continue;
      this.#removeHead(keyHash, key);
      return true;
    }
    return false;
  }

  #removeHead(keyHash: string, { records }: HeldKey): void {
    records.shift();
    this.#count--;
    if (records.length === 0) this.#keys.delete(keyHash);
  }
}

function isSame([offset, mark]: HeldRecord, [otherOffset, otherMark]: HeldRecord): boolean {
  return offset === otherOffset || mark === otherMark;
}

function full(what: string): string {
  return `${what} are the most that a partition can have: replay or give up some of them`;
}
