/** Items that were given out leave the memory of their line in groups: one by one would move the rest each time. */
const DROP_EVERY = 1_024;

/**
 * Gives out what waits, one of each line in turn, so that a partition with few records does not wait behind the backlog
 * of another one. Inside a line, the first that came goes first.
 */
export class FairQueue<Line, Item> {
  /** In the order of their turns. None of them is empty. */
  readonly #lines = new Map<Line, { items: Item[]; head: number }>();

  constructor(private readonly lineOf: (item: Item) => Line) {}

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  push(item: Item): void {
    const line = this.lineOf(item);
    const waiting = this.#lines.get(line);
    if (waiting) waiting.items.push(item);
    else this.#lines.set(line, { items: [item], head: 0 });
  }

  /** The next one; its line goes behind the others. */
  take(): Item | undefined {
    const [first] = this.#lines;
    if (!first) return undefined;
    const [line, waiting] = first;
    this.#lines.delete(line);
    const item = waiting.items[waiting.head++]!;
    if (waiting.head === waiting.items.length) return item;
    if (waiting.head >= DROP_EVERY) {
      waiting.items.splice(0, waiting.head);
      waiting.head = 0;
    }
    this.#lines.set(line, waiting);
    return item;
  }

  /** Takes out a whole line, and gives what waited in it. */
  remove(line: Line): Item[] {
    const waiting = this.#lines.get(line);
    this.#lines.delete(line);
    return waiting ? waiting.items.slice(waiting.head) : [];
  }

  get lines(): Line[] {
    return [...this.#lines.keys()];
  }
}
