/**
 * Places for workflows that wait for the workflow before them in their key. A caller that gets no place does not wait
 * for one, as with `Slots`. Its record stays in memory, and the caller is told when to try again.
 */
export class WaitingPlaces {
  #free: number;
  /** The callers to tell when a place is free. A caller that asks several times is here once. */
  readonly #again = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a place. If none is free, the result is false, and `again` is called once when a place is free. */
  take(again: () => void): boolean {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    this.#again.add(again);
    return false;
  }

  release(): void {
    this.#free++;
    for (const again of this.#again) {
      if (this.#free === 0) return;
      this.#again.delete(again);
      again();
    }
  }
}
