import type { Client } from '@temporalio/client';
import type { Kafka } from '../../kafka/kafka';
import { UsageError } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import { topicRanges, type PartitionRange } from '../../operations/topic/read-topic';
import { reconcile, type ReconcileReport } from '../../operations/reconcile/reconcile';
import { streamStatus, type StreamStatus } from '../../operations/status/status';
import type { Observer } from './observe';

/**
 * Observes the streams of one topic, and what has come to the topic since {@link OwnMessages.from}. Messages of
 * other senders are excluded, except from the totals of `status`, which do not distinguish them.
 */
export class OwnMessages implements Observer {
  private constructor(
    private readonly kafka: Kafka,
    private readonly client: Client,
    private readonly streams: AnyStream[],
    private readonly idPrefix: string,
    private readonly before: PartitionRange[],
  ) {}

  /** Throws a {@link UsageError} if the topic does not exist. */
  static async from(
    kafka: Kafka,
    client: Client,
    streams: AnyStream[],
    idPrefix: string,
  ): Promise<OwnMessages> {
    const before = await rangesOf(kafka, streams[0]!.topic);
    return new OwnMessages(kafka, client, streams, idPrefix, before);
  }

  statuses(): Promise<StreamStatus[]> {
    return Promise.all(this.streams.map((one) => streamStatus(this.kafka, this.client, one)));
  }

  async reconcile(name: string): Promise<ReconcileReport> {
    const stream = this.streams.find((one) => one.name === name)!;
    const { idPrefix } = this;
    return reconcile(this.kafka, this.client, stream, { idPrefix, ranges: await this.#ranges() });
  }

  /** How many records have come to the topic, from any sender. */
  async appended(): Promise<number> {
    const ranges = await this.#ranges();
    return ranges.reduce((sum, { low, high }) => sum + high - low, 0);
  }

  async #ranges(): Promise<PartitionRange[]> {
    const ranges = await rangesOf(this.kafka, this.streams[0]!.topic);
    return ranges.map((range) => ({
      ...range,
      low: this.before.find(({ partition }) => partition === range.partition)?.high ?? range.low,
    }));
  }
}

async function rangesOf(kafka: Kafka, topic: string): Promise<PartitionRange[]> {
  const ranges = await topicRanges(kafka, topic);
  if (!ranges) throw new UsageError(`no topic ${topic}: "cloudsync topics create" makes it`);
  return ranges;
}
