/**
 * Bounds the bytes of requests that are not answered yet. The producer's queue is no bound: it keeps more bytes
 * alive than it counts.
 */
export class Room {
  readonly #held = new WeakMap<object, number>();
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  /**
   * Counts a request with this many bytes; a second call replaces the first count. Returns whether there is room.
   * If no other request is counted, there always is.
   */
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
