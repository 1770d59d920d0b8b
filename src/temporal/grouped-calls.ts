interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Groups items into calls of at most `limit` items. Items that arrive during a call go together into the next call.
 * Each item gets a result of its own.
 */
export class GroupedCalls<Item, Result> {
  readonly #waiting: Waiting<Item, Result>[] = [];
  #running = false;

  constructor(
    private readonly limit: number,
    private readonly call: (items: Item[]) => Promise<Result[]>,
  ) {}

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, this.limit);
      try {
        const results = await this.call(group.map(({ item }) => item));
        group.forEach(({ resolve }, index) => resolve(results[index]!));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = false;
  }
}
