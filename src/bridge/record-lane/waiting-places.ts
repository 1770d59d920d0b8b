/**
 * Places for workflows that wait for the workflow before them in their key. Unlike with `Slots`, a caller that gets no
 * place does not wait for one. The caller keeps its records in memory, and is called when a place is free.
 */
export class WaitingPlaces {
  #free: number;
  /** The callers to call when a place is free. A caller that asks several times is in the set once. */
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
