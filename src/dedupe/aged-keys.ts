import { randomBytes } from 'node:crypto';

const FIRST_CAPACITY = 1_024;

/** Fields of a slot in the table: the entry that is in the slot, or 0, and the hash of that entry's key. */
const ENTRY = 0;
const HASH = 1;

/**
 * Fields of an entry's node: its time, and its neighbours in the order of age. Entry 0 is both ends of that
 * order.
 */
const TIME = 0;
const OLDER = 1;
const YOUNGER = 2;
const NODE = 3;

/**
 * Strings in the order of their age, each with a time: a hash table with open addressing over a linked list,
 * both in typed arrays. All operations take constant time, except the steps in which the table doubles.
 *
 * A Map keeps insertion order as well. With a million keys, AgedKeys is about twice as fast
 * (`npm run bench:idempotency`), because the table contains the hashes: other keys on the way need not be
 * compared. The table never shrinks. A key takes about 60 bytes besides its own.
 */
export class AgedKeys {
  #keys: string[] = [''];
  #hashes = new Int32Array(FIRST_CAPACITY + 1);
  #nodes = new Float64Array((FIRST_CAPACITY + 1) * NODE);
  #table = new Int32Array(FIRST_CAPACITY * 4);
  #mask = FIRST_CAPACITY * 2 - 1;
  #size = 0;
  /** The first of the deleted entries, which are a list through their `YOUNGER`. */
  #free = 0;
  /** Random, so that a person who chooses the keys can't make them all collide. */
  readonly #seed = randomBytes(4).readInt32LE();

  get size(): number {
    return this.#size;
  }

  /** The key's time, or `undefined` if there is no such key. */
  get(key: string): number | undefined {
    const entry = this.#table[this.#find(key, this.#hash(key)) + ENTRY]!;
    return entry === 0 ? undefined : this.#nodes[entry * NODE + TIME];
  }

  /** Sets the key's time and makes it the youngest. */
  set(key: string, time: number): void {
    const hash = this.#hash(key);
    let slot = this.#find(key, hash);
    let entry = this.#table[slot + ENTRY]!;
    if (entry === 0) {
      if (this.#size === this.#hashes.length - 1) {
        this.#grow();
        slot = this.#find(key, hash);
      }
      entry = this.#take();
      this.#keys[entry] = key;
      this.#hashes[entry] = hash;
      this.#table[slot + ENTRY] = entry;
      this.#table[slot + HASH] = hash;
    } else this.#unlink(entry);
    this.#append(entry);
    this.#nodes[entry * NODE + TIME] = time;
  }

  delete(key: string): void {
    const slot = this.#find(key, this.#hash(key));
    const entry = this.#table[slot + ENTRY]!;
    if (entry === 0) return;
    this.#unlink(entry);
    this.#keys[entry] = '';
    this.#nodes[entry * NODE + YOUNGER] = this.#free;
    this.#free = entry;
    this.#size--;
    this.#close(slot);
  }

  /** The key whose time was set the longest ago. */
  oldest(): string | undefined {
    return this.#size === 0 ? undefined : this.#keys[this.#nodes[YOUNGER]!];
  }

  /** The time of {@link oldest}, without a search for its key. */
  oldestTime(): number | undefined {
    return this.#size === 0 ? undefined : this.#nodes[this.#nodes[YOUNGER]! * NODE + TIME];
  }

  /** The slot of the key, or the empty slot where the key belongs. */
  #find(key: string, hash: number): number {
    const table = this.#table;
    for (let index = hash & this.#mask; ; index = (index + 1) & this.#mask) {
      const slot = index * 2;
      const entry = table[slot + ENTRY]!;
      if (entry === 0 || (table[slot + HASH] === hash && this.#keys[entry] === key)) return slot;
    }
  }

  /** Empties a slot. Entries that were displaced past it move up, so that no search stops too early. */
  #close(emptied: number): void {
    const table = this.#table;
    let hole = emptied / 2;
    for (let index = (hole + 1) & this.#mask; ; index = (index + 1) & this.#mask) {
      const entry = table[index * 2 + ENTRY]!;
      if (entry === 0) break;
      const home = table[index * 2 + HASH]! & this.#mask;
      if (((index - home) & this.#mask) < ((index - hole) & this.#mask)) continue;
      table[hole * 2 + ENTRY] = entry;
      table[hole * 2 + HASH] = table[index * 2 + HASH]!;
      hole = index;
    }
    table[hole * 2 + ENTRY] = 0;
  }

  #take(): number {
    this.#size++;
    const entry = this.#free;
    if (entry === 0) return this.#size;
    this.#free = this.#nodes[entry * NODE + YOUNGER]!;
    return entry;
  }

  #unlink(entry: number): void {
    const nodes = this.#nodes;
    const older = nodes[entry * NODE + OLDER]!;
    const younger = nodes[entry * NODE + YOUNGER]!;
    nodes[older * NODE + YOUNGER] = younger;
    nodes[younger * NODE + OLDER] = older;
  }

  #append(entry: number): void {
    const nodes = this.#nodes;
    const youngest = nodes[OLDER]!;
    nodes[entry * NODE + OLDER] = youngest;
    nodes[entry * NODE + YOUNGER] = 0;
    nodes[youngest * NODE + YOUNGER] = entry;
    nodes[OLDER] = entry;
  }

  #grow(): void {
    const capacity = (this.#hashes.length - 1) * 2;
    const hashes = new Int32Array(capacity + 1);
    hashes.set(this.#hashes);
    const nodes = new Float64Array((capacity + 1) * NODE);
    nodes.set(this.#nodes);
    const table = new Int32Array(capacity * 4);
    const mask = capacity * 2 - 1;
    // The table grows only when it is full, so every entry is in use.
    for (let entry = 1; entry <= this.#size; entry++) {
      let index = hashes[entry]! & mask;
      while (table[index * 2 + ENTRY] !== 0) index = (index + 1) & mask;
      table[index * 2 + ENTRY] = entry;
      table[index * 2 + HASH] = hashes[entry]!;
    }
    this.#hashes = hashes;
    this.#nodes = nodes;
    this.#table = table;
    this.#mask = mask;
  }

  /**
   * Hashes two characters per step by multiplication and shift, with constants like those of Murmur and
   * Prospector.
   */
  #hash(key: string): number {
    let hash = this.#seed ^ key.length;
    const last = key.length - 1;
    let at = 0;
    for (; at < last; at += 2) {
      hash = Math.imul(hash ^ (key.charCodeAt(at) | (key.charCodeAt(at + 1) << 16)), 0x2c1b3c6d);
      hash ^= hash >>> 15;
    }
    if (at === last) hash = Math.imul(hash ^ key.charCodeAt(at), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 15), 0x297a2d39);
    return hash ^ (hash >>> 15);
  }
}
