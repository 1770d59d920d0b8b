import { publicKafkaError, topicConfig, withAdmin, type Kafka } from '../kafka/kafka';
import { errorWithCause } from '../domain/errors';
import type { Logger } from '../telemetry/logger';

const INTERVAL_MS = 10_000;
/** kafkajs waits for minutes on a broker that hangs. After this time the fault says so. */
const DEADLINE_MS = 5_000;
/** The broker's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
/** Overhead of a batch with one record: head of the batch; lengths, times and trace headers of the record. */
const BATCH_OVERHEAD_BYTES = 1_024;

/** Checks every ten seconds whether the broker answers, and how large a record of the topic may be. */
export class TopicWatch {
  #maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES;
  #fault: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string,
    private readonly logger: Logger,
  ) {}

  /** Limit for the bytes of key and value of one record, and of a whole batch. */
  get maxRecordBytes(): number {
    return Math.max(this.#maxMessageBytes - BATCH_OVERHEAD_BYTES, 1);
  }

  /** Why the last check failed; undefined if it succeeded. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Checks at once, and then again and again. Never rejects. */
  async start(): Promise<void> {
    const late = setTimeout(() => (this.#fault = 'does not answer'), DEADLINE_MS).unref();
    try {
      const name = 'max.message.bytes';
      const value = await withAdmin(this.kafka, (admin) => topicConfig(admin, this.topic, name));
      if (value !== undefined) this.#maxMessageBytes = Number(value);
      this.#fault = undefined;
    } catch (error) {
      this.#fault = publicKafkaError(error);
      const fields = { topic: this.topic, error: errorWithCause(error) };
      this.logger.warn(fields, 'The topic can not be looked at');
    } finally {
      clearTimeout(late);
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.start(), INTERVAL_MS).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
