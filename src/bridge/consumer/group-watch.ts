import { createKafka, KeptAdmin, type KafkaSettings } from '../../kafka/kafka';
import { groupMembers, type GroupMemberState } from '../../kafka/group';
import { errorMessage } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';

const INTERVAL_MS = 15_000;

interface Watched {
  name: string;
  topic: string;
  groupId: string;
}

/**
 * Checks every 15 s whether each partition of a stream's topic belongs to a member of the stream's group. A member
 * does not notice a partition without an owner, because it knows only its own partitions.
 */
export class GroupWatch {
  readonly #admin: KeptAdmin;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #unread: Unread | undefined;

  constructor(
    private readonly stream: Watched,
    kafka: KafkaSettings,
    private readonly logger: Logger,
  ) {
    this.#admin = new KeptAdmin(createKafka(kafka, logger));
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), INTERVAL_MS);
    void this.#look();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unread = undefined;
    // The stop does not wait for this, because Kafka may not answer.
    void this.#admin.close().catch(() => undefined);
  }

  /** The fault if partitions have no owner because another stream shares the group; else undefined. */
  fault(): string | undefined {
    return this.#unread?.shared ? this.#unread.message : undefined;
  }

  /** The notice if partitions have no owner because they are new. The group assigns them within a minute. */
  notices(): Record<string, string> {
    if (!this.#unread || this.#unread.shared) return {};
    return { [`group ${this.stream.name}`]: this.#unread.message };
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { topic, groupId } = this.stream;
    try {
      const found = await this.#admin.ask(async (admin) => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        const partitions = topics[0]!.partitions.map(({ partitionId }) => partitionId);
        const members = await groupMembers(admin, groupId);
        return members && { unread: unreadPartitions(this.stream, partitions, members) };
      });
      // Without a timer, this watch was stopped during the request.
      if (found && this.#timer) this.#tell(found.unread);
    } catch (error) {
      const fields = { stream: this.stream.name, error: errorMessage(error) };
      this.logger.debug(fields, 'Could not ask for the members of the consumer group');
    } finally {
      this.#looking = false;
    }
  }

  #tell(unread: Unread | undefined): void {
    if (unread && unread.message !== this.#unread?.message) {
      this.logger.error(
        { stream: this.stream.name, reason: unread.message },
        'Partitions are not read',
      );
    }
    this.#unread = unread;
  }
}

interface Unread {
  message: string;
  /** Whether members of the group read other topics. */
  shared: boolean;
}

/** Describes, for people, the partitions that no member of the group reads. Undefined if there are none. */
export function unreadPartitions(
  { topic, groupId }: Omit<Watched, 'name'>,
  partitions: number[],
  members: GroupMemberState[],
): Unread | undefined {
  const read = new Set(
    members
      .filter(({ topics }) => topics.includes(topic))
      .flatMap((member) => member.partitions[topic] ?? []),
  );
  const unread = partitions.filter((partition) => !read.has(partition)).sort((a, b) => a - b);
  if (unread.length === 0) return undefined;
  const others = new Set(members.flatMap(({ topics }) => topics));
  others.delete(topic);
  const what = `partitions ${unread.join(', ')} of ${topic} are read by no member of consumer group ${groupId}`;
  return others.size === 0
    ? { message: `${what}: new partitions are taken within a minute`, shared: false }
    : {
        message: `${what}, which reads ${[...others].sort().join(', ')} too: give each stream a groupId of its own`,
        shared: true,
      };
}
