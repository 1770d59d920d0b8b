/** Bounds the bytes of requests that are not answered yet: what a queue counts is less than what it keeps alive. */
export class Room {
  readonly #held = new WeakMap<object, number>();
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** Counts a request with so many bytes, or, again, with others. Whether there is room; an empty one has. */
  take(request: object, bytes: number): boolean {
    const others = this.#bytes - (this.#held.get(request) ?? 0);
    if (others > 0 && others + bytes > this.maxBytes) return false;
    this.#bytes = others + bytes;
    this.#held.set(request, bytes);
    return true;
  }

  release(request: object): void {
    this.#bytes -= this.#held.get(request) ?? 0;
    this.#held.delete(request);
  }
}
