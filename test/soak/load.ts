import { setTimeout as sleep } from 'node:timers/promises';
import type { Clients } from '../kafka/corpus/make/clients';
import type { LineProcess } from '../kafka/corpus/make/line-process';
import {
  CODECS,
  draft,
  WRITERS,
  type Draft,
  type Step,
  type WriterName,
} from '../kafka/corpus/make/step';
import type { EventLog } from '../torture/event-log';
import { Random } from '../torture/random';
import type { Fate } from './judge';
import { PARTITIONS, TOPIC_NAMES, topicOf, type TopicName } from './topics';

const KEYS = 20;
/** An abandoned transaction holds all readers back for this time. */
const TRANSACTION_TIMEOUT_MS = 45_000;
const RESTART_MS = 2_000;

/** Kafka is away for seconds only. A client that is not back after this time hangs, as kafka-python sometimes does. */
const SESSION_LIMIT_MS = 5 * 60_000;

/** Writes to all topics with other clients, each in a process of its own, and records what they wrote. */
export class Load {
  readonly fates: Record<TopicName, Map<string, Fate>> = {
    log: new Map(),
    compacted: new Map(),
    remade: new Map(),
  };
  /** The topics that nobody may write to at the moment. */
  readonly closed = new Set<TopicName>();
  readonly #busy = new Map<WriterName, TopicName>();
  readonly #random: Random;
  #count = 0;
  #producers = 0;

  constructor(
    readonly clients: Clients,
    readonly brokers: string,
    seed: number,
    readonly pauseMs: [number, number],
    readonly log: EventLog,
  ) {
    this.#random = new Random(seed ^ 0x50a4);
  }

  /** Resolves when the time is up and all transactions have ended, except those that are left open on purpose. */
  async run(milliseconds: number): Promise<void> {
    const end = Date.now() + milliseconds;
    await Promise.all(WRITERS.map((writer) => this.#write(writer, end)));
  }

  isBusy(topic: TopicName): boolean {
    return [...this.#busy.values()].includes(topic);
  }

  async #write(writer: WriterName, end: number): Promise<void> {
    let client: LineProcess | undefined;
    while (Date.now() < end) {
      const topic = this.#random.pick(TOPIC_NAMES.filter((name) => !this.closed.has(name)));
      this.#busy.set(writer, topic);
      const current = (client ??= this.clients.writer(writer, this.brokers));
      const hangs = setTimeout(() => current.kill(), SESSION_LIMIT_MS);
      try {
        await this.#session(client, topic, end);
      } catch (error) {
        // Kafka was away for too long. The fate of unanswered requests stays unknown.
        this.log.write('writer', { writer, error: String(error) });
        client.kill();
        client = undefined;
        await sleep(RESTART_MS);
      } finally {
        clearTimeout(hangs);
      }
      this.#busy.delete(writer);
    }
    client?.kill();
  }

  /** Runs one producer from its start to its end. */
  async #session(client: LineProcess, topic: TopicName, end: number): Promise<void> {
    const random = this.#random;
    const producer = `soak-${++this.#producers}`;
    const kind = random.pick(['plain', 'idempotent', 'transactional', 'transactional'] as const);
    const ask = (step: Step) => client.ask(step);
    const transactional =
      kind === 'transactional'
        ? { transactionalId: producer, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS }
        : {};
    await ask({ do: 'open', producer, codec: random.pick(CODECS), kind, ...transactional });
    for (let rounds = random.integer(1, 6); rounds > 0 && Date.now() < end; rounds--) {
      if (this.closed.has(topic)) break;
      if (kind !== 'transactional')
        await this.#send(client, topic, producer, 'unknown', 'committed');
      else if (!(await this.#transaction(client, topic, producer))) break;
      await sleep(random.integer(...this.pauseMs));
    }
    await ask({ do: 'close', producer });
  }

  /** Runs one transaction. Resolves with false if it is left open. */
  async #transaction(client: LineProcess, topic: TopicName, producer: string): Promise<boolean> {
    const random = this.#random;
    const sent: string[] = [];
    await client.ask({ do: 'begin', producer });
    for (let batches = random.integer(1, 4); batches > 0; batches--) {
      // Without a request to commit, nothing is committed.
      sent.push(...(await this.#send(client, topic, producer, 'aborted', 'aborted')));
      await sleep(random.integer(0, 300));
    }
    const draw = random.next();
    if (draw < 0.04) return false;
    if (draw < 0.35) {
      await client.ask({ do: 'abort', producer });
      return true;
    }
    for (const id of sent) this.fates[topic].set(id, 'unknown');
    await client.ask({ do: 'commit', producer });
    for (const id of sent) this.fates[topic].set(id, 'committed');
    return true;
  }

  async #send(
    client: LineProcess,
    topic: TopicName,
    producer: string,
    before: Fate,
    after: Fate,
  ): Promise<string[]> {
    const records = this.#records(topic, this.#random.integer(1, 5), before);
    const partition = this.#random.integer(0, PARTITIONS - 1);
    const drafts = records.map((record) => record.draft);
    await client.ask({ do: 'send', producer, topic: topicOf(topic), partition, records: drafts });
    for (const { id } of records) this.fates[topic].set(id, after);
    return records.map(({ id }) => id);
  }

  #records(topic: TopicName, count: number, fate: Fate): { id: string; draft: Draft }[] {
    return Array.from({ length: count }, () => {
      const id = `${topic}-${++this.#count}`;
      const pad = 'x'.repeat(this.#random.integer(0, 2_000));
      this.fates[topic].set(id, fate);
      const key = `k${this.#random.integer(1, KEYS)}`;
      return { id, draft: draft(key, JSON.stringify({ id, pad })) };
    });
  }
}
