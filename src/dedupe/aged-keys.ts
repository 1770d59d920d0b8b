import { randomBytes } from 'node:crypto';

const FIRST_CAPACITY = 1_024;

/** Of each slot of the table: the entry that has it, or 0, and the hash of that entry's key. */
const ENTRY = 0;
const HASH = 1;

/** Of each entry's node: its time, and its neighbours in the order of age. Entry 0 is both ends. */
const TIME = 0;
const OLDER = 1;
const YOUNGER = 2;
const NODE = 3;

/**
 * Strings in the order of their age, each with a time: a hash table with open addressing over a linked
 * list, both in typed arrays. All operations take constant time, apart from the steps in which the
 * table doubles. Measured against a Map, which keeps insertion order as well, it is about twice as fast
 * with a million keys (`npm run bench:idempotency`): hashes lie in the table, so that other keys in the
 * way need not be looked at. It never shrinks; a key takes about 60 bytes besides its own.
 */
export class AgedKeys {
  #keys: string[] = [''];
  #hashes = new Int32Array(FIRST_CAPACITY + 1);
  #nodes = new Float64Array((FIRST_CAPACITY + 1) * NODE);
  #table = new Int32Array(FIRST_CAPACITY * 4);
  #mask = FIRST_CAPACITY * 2 - 1;
  #size = 0;
  /** Entries that were deleted, as a list through their `YOUNGER`. */
  #free = 0;
  /** Unknown to whoever chooses the keys, so that they can't all be made to meet. */
  readonly #seed = randomBytes(4).readInt32LE();

  get size(): number {
    return this.#size;
  }

  /** The key's time. */
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

  /** The key whose time was set first. */
  oldest(): string | undefined {
    return this.#size === 0 ? undefined : this.#keys[this.#nodes[YOUNGER]!];
  }

  /** The time of {@link oldest}, without a search for its key. */
  oldestTime(): number | undefined {
    return this.#size === 0 ? undefined : this.#nodes[this.#nodes[YOUNGER]! * NODE + TIME];
  }

  /** The slot of the key, or the empty one where it belongs. */
  #find(key: string, hash: number): number {
    const table = this.#table;
    for (let index = hash & this.#mask; ; index = (index + 1) & this.#mask) {
      const slot = index * 2;
      const entry = table[slot + ENTRY]!;
      if (entry === 0 || (table[slot + HASH] === hash && this.#keys[entry] === key)) return slot;
    }
  }

  /** Empties a slot: what had to step aside for it moves up, so that no search stops short. */
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
    // Full, so every entry is in use.
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

  /** Two characters a step, mixed by multiplication and shift; constants of Murmur's and Prospector's kind. */
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
