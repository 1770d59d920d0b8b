import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from '../../src/kafka/kafka';
import type { Ledger } from './ledger';
import type { Draft, MessageSource } from './messages';

const TICK_MS = 200;
const REQUEST_TIMEOUT_MS = 40_000;
const RETRY_PAUSE_MS = 500;
/** With more unanswered messages than this the load waits, as a producer with a bounded buffer does. */
const MAX_UNANSWERED = 2_000;
/** A message that the HTTP producer has not answered this long after the end of the load stays unknown. */
const LAST_ANSWER_MS = 120_000;

export interface LoadOptions {
  source: MessageSource;
  ledger: Ledger;
  topic: string;
  /** Messages per second. */
  rate: number;
  kafka: Producer;
  /** The present address of the HTTP producer, or undefined while it does not run. */
  apiUrl: () => string | undefined;
  onProblem: (text: string) => void;
}

/** Sends at a steady rate, through the HTTP producer and by Kafka's protocol. */
export class Load {
  #unanswered = 0;
  readonly #open = new Set<Promise<void>>();

  constructor(readonly options: LoadOptions) {}

  get unanswered(): number {
    return this.#unanswered;
  }

  /** Sends for this time. Resolves when all messages are answered or given up. */
  async run(milliseconds: number): Promise<void> {
    const { source, rate } = this.options;
    const start = Date.now();
    const end = start + milliseconds;
    let made = 0;
    while (Date.now() < end) {
      const due = Math.floor(((Date.now() - start) / 1_000) * rate);
      const drafts: Draft[] = [];
      for (; made < due; made++) {
        if (this.#unanswered + drafts.length < MAX_UNANSWERED) drafts.push(source.next());
      }
      this.#send(drafts, end + LAST_ANSWER_MS);
      await sleep(TICK_MS);
    }
    await Promise.all(this.#open);
  }

  #send(drafts: Draft[], deadline: number): void {
    const byKafka = drafts.filter(({ via }) => via === 'kafka');
    if (byKafka.length > 0) this.#track(byKafka.length, this.#sendToKafka(byKafka));
    for (const draft of drafts.filter(({ via }) => via === 'api')) {
      this.#track(1, this.#sendToApi(draft, deadline));
    }
  }

  #track(count: number, sending: Promise<void>): void {
    this.#unanswered += count;
    const tracked = sending.finally(() => {
      this.#unanswered -= count;
      this.#open.delete(tracked);
    });
    this.#open.add(tracked);
  }

  /** Sends once: only the producer itself retries. A message without an answer may be on the topic or not. */
  async #sendToKafka(drafts: Draft[]): Promise<void> {
    const { ledger, kafka, topic } = this.options;
    const sendings = drafts.map((draft) => ledger.sent(draft));
    const messages = drafts.map(({ key, value, partition }) => ({
      key,
      value,
      ...(partition !== undefined && { partition }),
    }));
    try {
      await kafka.send({ topic, acks: -1, messages });
      for (const sending of sendings) ledger.answered(sending, 'acknowledged');
    } catch (error) {
      this.options.onProblem(
        `Kafka has not acknowledged ${drafts.length} messages: ${String(error)}`,
      );
      for (const sending of sendings) ledger.answered(sending, 'unknown');
    }
  }

  /** Sends as a client should: again with the same id until the answer is 202. */
  async #sendToApi(draft: Draft, deadline: number): Promise<void> {
    const { ledger } = this.options;
    const sending = ledger.sent(draft);
    while (Date.now() < deadline) {
      const answer = await this.#post(draft.value!);
      if (answer !== undefined) return ledger.answered(sending, answer);
      await sleep(RETRY_PAUSE_MS);
    }
    ledger.answered(sending, 'unknown');
  }

  async #post(value: Buffer): Promise<'acknowledged' | 'rejected' | undefined> {
    const url = this.options.apiUrl();
    if (url === undefined) return undefined;
    try {
      const response = await fetch(new URL('/v1/messages', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: new Uint8Array(value),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      await response.arrayBuffer();
      if (response.status === 202) return 'acknowledged';
      if (response.status === 400) return 'rejected';
      if (response.status !== 503) {
        this.options.onProblem(`the HTTP producer has answered ${response.status}`);
      }
    } catch {
      // The request was cut, refused or too late, so the fate of the message is unknown.
    }
    return undefined;
  }
}
