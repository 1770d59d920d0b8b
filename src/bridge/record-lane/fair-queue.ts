/** How many items a line gives out before they leave its array. A removal moves all items behind, so it is rare. */
const DROP_EVERY = 1_024;

/**
 * Gives out waiting items, one of each line in turn. So a partition with few records does not wait behind the backlog
 * of another partition. Inside a line, items are given out in the order in which they came.
 */
export class FairQueue<Line, Item> {
  /** The lines, in the order of their turns. No line is empty. */
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

  /** Gives out the next item, and moves its line behind the others. */
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

  /** Removes a whole line, and returns its items. */
  remove(line: Line): Item[] {
    const waiting = this.#lines.get(line);
    this.#lines.delete(line);
    return waiting ? waiting.items.slice(waiting.head) : [];
  }

  get lines(): Line[] {
    return [...this.#lines.keys()];
  }
}
