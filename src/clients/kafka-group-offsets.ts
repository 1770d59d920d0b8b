import type { Admin, Kafka } from './kafka';
import { persistently } from './persistently';

/** One partition's last commit, as kafkajs gives it; offset `-1` when there is none. */
export interface CommittedOffset {
  partition: number;
  offset: string;
  metadata: string | null;
}

/** What a broker answers while a group's coordinator starts or moves. kafkajs takes it as final. */
const COORDINATOR_MOVES = [
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
];

/** What the group has committed of the topic. */
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
 * Tells many who wait how far a group has committed a topic. They share a connection, and an answer for as long as
 * `maxAgeMs`: each who waits asks again and again.
 */
export class GroupPosition {
  #admin: Promise<Admin> | undefined;
  #answer: { at: number; offsets: Promise<CommittedOffset[]> } | undefined;

  constructor(
    private readonly kafka: Kafka,
    private readonly group: { groupId: string; topic: string },
    private readonly maxAgeMs: number,
  ) {}

  /** The committed offset of a partition; undefined when there is none. */
  async committed(partition: number): Promise<number | undefined> {
    const now = performance.now();
    if (!this.#answer || now - this.#answer.at >= this.maxAgeMs) {
      this.#answer = { at: now, offsets: this.#ask() };
    }
    const offset = (await this.#answer.offsets).find((one) => one.partition === partition)?.offset;
    return offset === undefined || Number(offset) < 0 ? undefined : Number(offset);
  }

  async close(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    await (await admin?.catch(() => undefined))?.disconnect();
  }

  async #ask(): Promise<CommittedOffset[]> {
    this.#admin ??= connected(this.kafka);
    try {
      return await committedOffsets(await this.#admin, this.group.groupId, this.group.topic);
    } catch (error) {
      // The next one who asks gets a new connection.
      this.#answer = undefined;
      await this.close();
      throw error;
    }
  }
}

async function connected(kafka: Kafka): Promise<Admin> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return admin;
  } catch (error) {
    await admin.disconnect();
    throw error;
  }
}
