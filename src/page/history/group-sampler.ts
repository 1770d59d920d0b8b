import { parseCommitMetadata } from '../../domain/commit-metadata';
import type { AnyStream } from '../../domain/stream/stream';
import { committedOffsets, type CommittedOffset } from '../../kafka/group-offsets';
import { KeptAdmin, kafkaErrorType, type Kafka } from '../../kafka/kafka';
import { createOffsetReader, type PartitionEnds } from '../../kafka/offsets';
import { createRecordReader, ONE_BATCH } from '../../kafka/reader';
import { within } from '../../lib/within';
import { groupPosition } from '../../operations/status/status-progress';
import type { PartitionSample } from './stream-history';

/** Records of a stream that are read for one sample, to know how old they are. */
const MAX_RECORDS = 20;
/** How long these reads of a stream may take together. */
const READS_MS = 2_000;

/** The record at which a group continues. */
interface FirstRecord {
  position: number;
  /** In milliseconds since the epoch; NaN if it is not known. */
  timestamp: number;
  /** Number of the sample for which it was read. */
  sample: number;
}

/** Asks Kafka alone how far groups have come, whichever processes they have. Connects at the first sample. */
export class GroupSampler {
  readonly #admin: KeptAdmin;
  #offsets: ReturnType<typeof createOffsetReader>;
  #reader: ReturnType<typeof createRecordReader>;
  /** By topic and partition. */
  readonly #first = new Map<string, FirstRecord>();
  #samples = 0;

  constructor(private readonly kafka: Kafka) {
    this.#admin = new KeptAdmin(kafka);
    this.#offsets = createOffsetReader(kafka, { partial: true });
    this.#reader = createRecordReader(kafka, ONE_BATCH);
  }

  /** Samples the partitions that have a leader. Empty if the topic does not exist. */
  async sample(stream: AnyStream): Promise<PartitionSample[]> {
    try {
      return await this.#sample(stream);
    } catch (error) {
      await this.#reconnect();
      if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return [];
      throw error;
    }
  }

  async #sample({ topic, groupId }: AnyStream): Promise<PartitionSample[]> {
    const ends = await this.#offsets.ends(topic);
    const commits = await this.#admin.ask((admin) => committedOffsets(admin, groupId, topic));
    const partitions = ends.map((end) => {
      const commit = commits.find(({ partition }) => partition === end.partition);
      return { ...end, ...groupPosition(end, commit), ...totalsOf(commit) };
    });
    const ages = await this.#ages(topic, partitions);
    return partitions.map(({ partition, delivered, duplicates, retries, lag }) => ({
      ...{ partition, delivered, duplicates, retries, lag },
      lagSeconds: ages.get(partition) ?? NaN,
    }));
  }

  async close(): Promise<void> {
    await Promise.all([this.#admin.close(), this.#offsets.close(), this.#reader.close()]);
  }

  /** By partition, the age in seconds of the first record that is not consumed, as far as it is known. */
  async #ages(
    topic: string,
    partitions: (PartitionEnds & { position: number; lag: number })[],
  ): Promise<Map<number, number>> {
    const sample = ++this.#samples;
    const placeOf = (partition: number) => `${topic}/${partition}`;
    const known = ({ partition, position }: { partition: number; position: number }) => {
      const first = this.#first.get(placeOf(partition));
      return first?.position === position ? first : undefined;
    };
    // Those that were read the longest ago come first, so that each has its turn.
    const unknown = partitions
      .filter((one) => one.lag > 0 && one.position < one.stable && !known(one))
      .map((one) => ({ ...one, readAt: this.#first.get(placeOf(one.partition))?.sample ?? 0 }))
      .sort((a, b) => a.readAt - b.readAt)
      .slice(0, MAX_RECORDS);
    const deadline = performance.now() + READS_MS;
    for (const { partition, position, stable } of unknown) {
      const range = { from: position, to: stable };
      const time = this.#timestampAt(topic, partition, range).catch(() => undefined);
      const isInTime = await within(deadline - performance.now(), time);
      const timestamp = isInTime ? await time : undefined;
      if (timestamp === undefined) {
        // The read may go on for a while, and connect anew meanwhile.
        const reader = this.#reader;
        void time.then(() => reader.close());
        this.#first.set(placeOf(partition), { position: -1, timestamp: NaN, sample });
        await this.#reconnect();
        break;
      }
      this.#first.set(placeOf(partition), { position, timestamp, sample });
    }
    const now = Date.now();
    return new Map(
      partitions.map((one) => {
        if (one.lag === 0) return [one.partition, 0];
        return [one.partition, Math.max(now - (known(one)?.timestamp ?? NaN), 0) / 1_000];
      }),
    );
  }

  /** The time of the first record of a range. A range that has only markers of transactions has none, and no age. */
  async #timestampAt(
    topic: string,
    partition: number,
    { from, to }: { from: number; to: number },
  ): Promise<number> {
    for await (const { timestamp } of this.#reader.read(topic, partition, from, to)) {
      return timestamp > 0 ? timestamp : NaN;
    }
    return Infinity;
  }

  /** Connections ask for all topics together, so a topic that is gone would spoil the answers on others. */
  async #reconnect(): Promise<void> {
    await this.close();
    this.#offsets = createOffsetReader(this.kafka, { partial: true });
    this.#reader = createRecordReader(this.kafka, ONE_BATCH);
  }
}

/** The totals that the commit has. Those of a commit by another program are not known. */
function totalsOf(commit: CommittedOffset | undefined) {
  if (!commit || Number(commit.offset) < 0) return { delivered: 0, duplicates: 0, retries: 0 };
  const { totals, member } = parseCommitMetadata(commit.metadata);
  if (!member) return { delivered: NaN, duplicates: NaN, retries: NaN };
  const { delivered, recent, workflowId, sink, retries } = totals;
  return { delivered, retries, duplicates: recent + workflowId + sink };
}
