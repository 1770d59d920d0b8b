import type { GroupConsumer } from '../../kafka/kafka';
import { errorMessage } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';

/**
 * Pauses, resumes and moves the fetches of one topic. Each method ignores that kafkajs refuses the call between a crash
 * and its restart. Then kafkajs has no group and fetches nothing, so the call is not needed: the join that follows
 * starts every partition again.
 */
export class FetchControl {
  constructor(
    private readonly consumer: Pick<GroupConsumer, 'pause' | 'resume' | 'seek'>,
    private readonly topic: string,
    private readonly logger: Logger,
  ) {}

  /** Pauses the whole topic, because that includes partitions that are assigned later. */
  pauseAll(): void {
    this.#unlessCrashed(() => this.consumer.pause([{ topic: this.topic }]));
  }

  pause(partition: number): void {
    this.#unlessCrashed(() =>
      this.consumer.pause([{ topic: this.topic, partitions: [partition] }]),
    );
  }

  resume(partitions: number[]): void {
    this.#unlessCrashed(() => this.consumer.resume([{ topic: this.topic, partitions }]));
  }

  /** Makes `offset` the next offset to fetch. */
  seek(partition: number, offset: number): void {
    const { topic } = this;
    this.#unlessCrashed(() => this.consumer.seek({ topic, partition, offset: String(offset) }));
  }

  #unlessCrashed(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.logger.debug({ error: errorMessage(error) }, 'The consumer has just crashed');
    }
  }
}
