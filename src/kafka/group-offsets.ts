import { KeptAdmin, type Admin, type Kafka } from './kafka';
import { persistently } from './persistently';

/** The last commit of one partition, as kafkajs returns it; its offset is `-1` if there is none. */
export interface CommittedOffset {
  partition: number;
  offset: string;
  metadata: string | null;
}

/** Errors that a broker answers while a group's coordinator starts or moves. kafkajs treats them as final. */
const COORDINATOR_MOVES = [
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
];

/** The group's commits of the topic. Waits up to 30 s for a coordinator that starts or moves. */
export async function committedOffsets(
  admin: Pick<Admin, 'fetchOffsets'>,
  groupId: string,
  topic: string,
): Promise<CommittedOffset[]> {
  const [committed] = await persistently(COORDINATOR_MOVES, () =>
    admin.fetchOffsets({ groupId, topics: [topic] }),
  );
  return committed?.partitions ?? [];
}

/**
 * Reports to many callers how far a group has committed a topic. While a caller waits it asks again and again. So
 * all callers share a connection, and they share an answer for `maxAgeMs` milliseconds.
 */
export class GroupPosition {
  readonly #admin: KeptAdmin;
  #answer: { at: number; offsets: Promise<CommittedOffset[]> } | undefined;

  constructor(
    kafka: Kafka,
    private readonly group: { groupId: string; topic: string },
    private readonly maxAgeMs: number,
  ) {
    this.#admin = new KeptAdmin(kafka);
  }

  /** The committed offset of a partition; undefined when there is none. */
  async committed(partition: number): Promise<number | undefined> {
    const now = performance.now();
    if (!this.#answer || now - this.#answer.at >= this.maxAgeMs) {
      this.#answer = { at: now, offsets: this.#ask() };
    }
    const offset = (await this.#answer.offsets).find((one) => one.partition === partition)?.offset;
    return offset === undefined || Number(offset) < 0 ? undefined : Number(offset);
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  async #ask(): Promise<CommittedOffset[]> {
    const { groupId, topic } = this.group;
    try {
      return await this.#admin.ask((admin) => committedOffsets(admin, groupId, topic));
    } catch (error) {
      this.#answer = undefined;
      throw error;
    }
  }
}
