import type { ConsumerCallbacks, GroupClient } from '../../../src/kafka/group-client';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { FakeConsumer } from './fake-consumer';
import { settled } from './fakes';
import { fetchedBatch } from './fetched-batch';

/** What the group has committed on the partition. */
export interface Commit {
  offset: number;
  metadata: string | null;
}

/** A commit as a member of the group sends it. */
type SentCommit = Commit & { metadata: string };

/** The broker refuses a commit whose metadata is larger. */
const MAX_METADATA_BYTES = 4_096;

/** Plays a topic of one partition and the group that reads the topic. Only the partition's owner can commit. */
export class GroupModel {
  committed: Commit | undefined;
  /** All commits that the broker has accepted. */
  readonly commits: Commit[] = [];
  owner: Member | undefined;
  /** Called after each commit that the broker accepts. */
  onCommit: (commit: SentCommit) => void = () => undefined;

  /** `log` holds the visible records. Their offsets may have gaps, as compaction and transactions leave them. */
  constructor(
    readonly topic: string,
    readonly log: KafkaRecord[] = [],
    /** Returns the offset after the last record or marker of the log. */
    readonly high: () => number = () => 1_000,
  ) {}

  addMember(): Member {
    return new Member(this);
  }

  commit(member: Member, commit: SentCommit): Promise<void> {
    if (member !== this.owner) return Promise.reject(new Error('not of this generation'));
    if (Buffer.byteLength(commit.metadata) > MAX_METADATA_BYTES) {
      return Promise.reject(new Error('the metadata is too large'));
    }
    this.committed = commit;
    this.commits.push(commit);
    this.onCommit(commit);
    return Promise.resolve();
  }
}

/** Plays kafkajs as a member of the group. It fetches from its position, and a join sets the position to the commit. */
export class Member extends FakeConsumer implements GroupClient {
  position = 0;
  paused = false;
  joins = 0;
  callbacks!: ConsumerCallbacks;
  override pause = () => undefined;
  override resume = () => void (this.paused = false);
  override seek = ({ offset }: { offset: string }) => void (this.position = Number(offset));

  constructor(private readonly group: GroupModel) {
    super();
  }

  createConsumer(callbacks: ConsumerCallbacks) {
    this.callbacks = callbacks;
    return this.consumer;
  }

  committed() {
    const { offset = -1, metadata = null } = this.group.committed ?? {};
    return Promise.resolve([{ partition: 0, offset: String(offset), metadata }]);
  }

  readonly offsets = {
    ends: () => {
      const high = this.group.high();
      return Promise.resolve([{ partition: 0, low: 0, stable: high, high }]);
    },
    close: () => Promise.resolve(),
  };

  /** Begins a new generation of the group, in which this member has these partitions. */
  async join({ partitions = [0], memberId = 'always the same' } = {}): Promise<void> {
    const { group } = this;
    if (partitions.length > 0) group.owner = this;
    this.joins++;
    this.position = group.committed?.offset ?? 0;
    this.emit('join', { payload: { memberId, memberAssignment: { [group.topic]: partitions } } });
    await settled();
  }

  /** Fetches at most `count` records. The `hidden` offsets behind them have markers or records that were aborted. */
  async fetch(count: number, hidden = 0): Promise<void> {
    const { log } = this.group;
    const records = log.filter(({ offset }) => offset >= this.position).slice(0, count);
    const last = records.at(-1)?.offset;
    if (this.paused || last === undefined) return;
    const next = log.find(({ offset }) => offset > last)?.offset ?? Infinity;
    const nextOffset = Math.min(last + hidden + 1, next);
    await this.give({ fetchOffset: this.position, records, nextOffset });
  }

  /** Gives the consumer the result of a fetch. */
  async give(result: Parameters<typeof fetchedBatch>[0]): Promise<void> {
    const { joins } = this;
    await this.handler({
      batch: fetchedBatch({ topic: this.group.topic, ...result }),
      resolveOffset: (offset: string) => {
        if (joins === this.joins) this.position = Number(offset) + 1;
      },
      pause: () => (this.paused = true),
      commitOffsetsIfNecessary: (request: {
        topics: [{ partitions: [{ offset: string; metadata: string }] }];
      }) => {
        const [{ offset, metadata }] = request.topics[0].partitions;
        return this.group.commit(this, { offset: Number(offset), metadata });
      },
    });
  }
}
