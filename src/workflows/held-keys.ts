import type { Head, HeldKeysState, HeldRecord } from '../domain/stream/hold';

/**
 * Some 45 bytes each in the memo, which MySQL keeps in a column of 64 KiB where it holds the lists of
 * workflows.
 */
export const MAX_HELD_KEYS = 1_000;
/** Some 30 bytes each in the input of the run that goes on, where Temporal takes 2 MiB. */
export const MAX_HELD_RECORDS = 10_000;

interface HeldKey {
  readonly records: HeldRecord[];
  deliveredOffset: number | undefined;
}

/** The dead records of a partition's held keys. The first of a key is its head. */
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

  /** Holds the key, or tells why there is no room. A message that is there already keeps its place. */
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

  /** The key's head is at the sink. Nothing changes where the record is not the head. */
  delivered(keyHash: string, record: HeldRecord): void {
    const key = this.#keys.get(keyHash);
    if (!key || !isSame(key.records[0]!, record)) return;
    this.#removeHead(keyHash, key);
    key.deliveredOffset = record[0];
  }

  /** The head of this offset shall never be delivered. False where no key has such a head. */
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
