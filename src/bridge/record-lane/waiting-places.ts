/**
 * Places for workflows that wait for the one before them in their key. Unlike those of {@link Slots} they
 * are not waited for: who gets none is asked to try again, and waits in memory.
 */
export class WaitingPlaces {
  #free: number;
  /** Each line of records once, however often it asks. */
  readonly #again = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** False where none is free; `again` is then called, once, when one is. */
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
