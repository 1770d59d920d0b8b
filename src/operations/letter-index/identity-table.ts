import { hash } from 'node:crypto';

/** The share of places that may be taken, before the table grows. */
const MAX_LOAD = 0.6;

/** 64 bits of a SHA-1. Two of 2,000,000 texts have the same bits once in ten million tables. */
function bitsOf(text: string): { high: number; low: number } {
  const digest = hash('sha1', text, 'hex');
  return {
    high: Number.parseInt(digest.slice(0, 8), 16),
    low: Number.parseInt(digest.slice(8, 16), 16),
  };
}

/**
 * A map from texts to numbers that are not negative. It keeps 64 bits of each text, so an entry takes 12 bytes, and 20 to 40
 * with the free places. A Map takes some 100 bytes and the text.
 */
export class IdentityTable {
  #high = new Uint32Array(1_024);
  #low = new Uint32Array(1_024);
  /** The number plus one; 0 for a free place. */
  #values = new Uint32Array(1_024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return 12 * this.#values.length;
  }

  get(text: string): number | undefined {
    const { high, low } = bitsOf(text);
    const value = this.#values[this.#placeOf(high, low)]!;
    return value === 0 ? undefined : value - 1;
  }

  set(text: string, number: number): void {
    const { high, low } = bitsOf(text);
    if (this.#put(high, low, number + 1)) this.#size++;
    if (this.#size > this.#values.length * MAX_LOAD) this.#grow();
  }

  /** Returns whether the entry is new. */
  #put(high: number, low: number, value: number): boolean {
    const place = this.#placeOf(high, low);
    const isNew = this.#values[place] === 0;
    this.#high[place] = high;
    this.#low[place] = low;
    this.#values[place] = value;
    return isNew;
  }

  /** The place of these bits, or the free place that they would get. */
  #placeOf(high: number, low: number): number {
    const mask = this.#values.length - 1;
    let place = low & mask;
    while (this.#values[place] !== 0 && (this.#low[place] !== low || this.#high[place] !== high)) {
      place = (place + 1) & mask;
    }
    return place;
  }

  #grow(): void {
    const [high, low, values] = [this.#high, this.#low, this.#values];
    this.#high = new Uint32Array(2 * values.length);
    this.#low = new Uint32Array(2 * values.length);
    this.#values = new Uint32Array(2 * values.length);
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== 0) this.#put(high[i]!, low[i]!, values[i]!);
    }
  }
}
