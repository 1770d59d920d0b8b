/**
 * Detects a consumer that has died without an error. Silence of the consumer counts only while Kafka answers other
 * clients: if Kafka is away, no consumer sends heartbeats, and a restart of the process would not help.
 */
export class HeartbeatWatch {
  #heardAt = Date.now();
  /** Since when Kafka has answered without a gap; undefined while Kafka is away. */
  #answersSince: number | undefined;
  #answeredAt = 0;

  constructor(
    private readonly limitMs: number,
    /** How much longer the silence may be while the consumer joins, because the group waits for all of its members. */
    private readonly joinMs: number,
  ) {}

  /** The consumer has shown that it is alive. */
  heard(): void {
    this.#heardAt = Date.now();
  }

  kafkaAnswered(): void {
    const now = Date.now();
    // After a gap longer than the limit, this process may have stood still. The consumer then gets the whole limit.
    if (now - this.#answeredAt > this.limitMs) this.#answersSince = undefined;
    this.#answersSince ??= now;
    this.#answeredAt = now;
  }

  kafkaIsAway(): void {
    this.#answersSince = undefined;
  }

  /** The length of the silence in milliseconds if it exceeds the limit, else undefined. */
  tooLong(joining: boolean): number | undefined {
    if (this.#answersSince === undefined) return undefined;
    const silentMs = Date.now() - Math.max(this.#heardAt, this.#answersSince);
    return silentMs > this.limitMs + (joining ? this.joinMs : 0) ? silentMs : undefined;
  }
}
