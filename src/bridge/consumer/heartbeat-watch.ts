/**
 * Whether a consumer has died without a word. Its silence counts only while Kafka answers others: when Kafka
 * is away there is nothing to hear, and another process would not hear more.
 */
export class HeartbeatWatch {
  #heardAt = Date.now();
  #answersSince: number | undefined;
  #answeredAt = 0;

  constructor(
    private readonly limitMs: number,
    /** How much longer the silence may be while the consumer joins: the group waits for its members. */
    private readonly joinMs: number,
  ) {}

  /** Something that only a consumer does which is alive. */
  heard(): void {
    this.#heardAt = Date.now();
  }

  kafkaAnswered(): void {
    const now = Date.now();
    // After a time in which this process stood still it must be let hear first.
    if (now - this.#answeredAt > this.limitMs) this.#answersSince = undefined;
    this.#answersSince ??= now;
    this.#answeredAt = now;
  }

  kafkaIsAway(): void {
    this.#answersSince = undefined;
  }

  /** Milliseconds of a silence that is too long, else undefined. */
  tooLong(joining: boolean): number | undefined {
    if (this.#answersSince === undefined) return undefined;
    const silentMs = Date.now() - Math.max(this.#heardAt, this.#answersSince);
    return silentMs > this.limitMs + (joining ? this.joinMs : 0) ? silentMs : undefined;
  }
}
