import fc from 'fast-check';
import { StreamConsumer } from '../../../src/bridge/consumer/stream-consumer';
import type { WindowEntry } from '../../../src/bridge/partition/partition-window';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import type { fetchedBatch } from '../support/fetched-batch';
import { GroupModel } from '../support/group-model';
import { fakeLane, keepingLogger } from '../support/fakes';

const stream = testStream();

/** The content of an offset: a record with its id, or a marker, which no consumer sees. */
interface Slot {
  epoch: number;
  id: number | undefined;
}

/** One partition with its broker, and a group with one member. Others may have been members in between. */
class Model {
  log: Slot[] = [];
  readonly seen = new Set<number>();
  readonly group = new GroupModel(stream.topic, [], () => this.log.length);
  readonly member = this.group.addMember();
  readonly consumer: StreamConsumer;
  #topic = 0;
  #epoch = 0;
  #ids = 0;
  /** Whether the log was made anew, or has lost its end, since the last commit. */
  #changed = false;
  #accepted: WindowEntry[] = [];
  /** Answers that are on their way to the consumer. */
  #answers: (Parameters<typeof fetchedBatch>[0] & { stale: () => boolean })[] = [];

  /** `ids`: whether the broker knows the ids of topics, and compares leader epochs. */
  constructor(readonly ids: boolean) {
    this.group.onCommit = ({ offset, metadata }) => {
      this.#changed = ids && !this.#tellsLog(offset, metadata);
    };
    this.consumer = new StreamConsumer({
      stream,
      group: this.member,
      metrics: createMetrics(),
      logger: keepingLogger().logger,
      limits: { records: 1_000_000, bytes: 1e9 },
      recentIds: () => 0,
      stalledAfterMs: 60_000,
      isStarted: () => Promise.resolve(false),
      stallCause: () => ({ reason: 'no_fetch' }),
      onFatal: (error) => {
        throw error;
      },
    });
  }

  start(): Promise<void> {
    return this.consumer.start(
      fakeLane({ accept: (entries) => void this.#accepted.push(...entries) }),
    );
  }

  append(records: number, markers: number): void {
    for (let i = 0; i < markers; i++) this.log.push({ epoch: this.#epoch, id: undefined });
    for (let i = 0; i < records; i++) this.log.push({ epoch: this.#epoch, id: this.#ids++ });
  }

  /** Makes another broker the leader. The log loses what this broker does not have: all from offset `kept` on. */
  elect(kept: number): void {
    // Only a Kafka that knows leader epochs can detect the loss.
    if (this.ids) this.log.length = Math.min(this.log.length, kept);
    this.#epoch++;
    this.#changed = true;
  }

  /** Deletes the topic and makes it anew. A Kafka without topic ids forgets the commit, and the group joins again. */
  async makeAnew(records: number, markers: number): Promise<void> {
    this.log = [];
    this.#topic++;
    this.#changed = true;
    this.#epoch = 0;
    this.append(records, markers);
    if (this.ids) return;
    this.group.committed = undefined;
    await this.join(2, 0);
  }

  /** Lets the member join after one or two requests. Between two requests, other members may have read on. */
  async join(requests: number, othersRead: number, memberId = 'the same'): Promise<void> {
    for (let i = 0; i < requests; i++) this.member.callbacks.onJoining();
    if (requests > 1) this.#othersRead(othersRead);
    await this.member.join({ memberId });
  }

  /** Lets other members read the log as it is now, and commit. */
  #othersRead(count: number): void {
    const { committed } = this;
    const end = Math.min(committed + count, this.log.length);
    if (committed < 0 || end <= committed || this.#changed) return;
    for (const { id } of this.log.slice(committed, end)) {
      if (id !== undefined) this.seen.add(id);
    }
    const starts = this.log.flatMap(({ epoch }, i): [number, number][] =>
      i < end && epoch !== this.log[i - 1]?.epoch ? [[i, epoch]] : [],
    );
    const log = { id: String(this.#topic), epochs: starts };
    this.group.committed = { offset: end, metadata: this.ids ? JSON.stringify({ log }) : null };
  }

  /** Sends a fetch. The broker answers from its log as it is now. */
  ask(count: number): void {
    // kafkajs fetches a partition again only when it has the answer to the last fetch.
    if (this.#answers.some(({ stale }) => !stale())) return;
    const { member } = this;
    const { joins, position: fetchOffset } = member;
    const known = member.callbacks.knownLog(0, fetchOffset);
    const topicId = this.ids ? String(this.#topic) : undefined;
    const base = {
      fetchOffset,
      stale: () => joins !== member.joins,
      ...(topicId !== undefined && { topicId }),
      ...(known.lastEpoch !== undefined && { lastEpoch: known.lastEpoch }),
    };
    const nothing = { ...base, records: [], nextOffset: fetchOffset };
    if (this.ids && known.topicId !== undefined && known.topicId !== topicId) {
      return void this.#answers.push(nothing);
    }
    const divergence =
      this.ids && known.lastEpoch !== undefined && this.#divergence(known.lastEpoch);
    if (divergence && (divergence.epoch < known.lastEpoch! || divergence.endOffset < fetchOffset)) {
      return void this.#answers.push({ ...nothing, divergence });
    }
    // kafkajs goes back to the beginning like this when an offset is out of range.
    if (fetchOffset > this.log.length) return void (member.position = 0);
    const slots = this.log.slice(fetchOffset, fetchOffset + count);
    if (slots.length === 0) return;
    const at = (i: number) => fetchOffset + i;
    this.#answers.push({
      ...base,
      nextOffset: at(slots.length),
      epochs: this.ids ? slots.map(({ epoch }, i) => ({ offset: at(i), epoch })) : [],
      records: slots.flatMap(({ id }, i) =>
        id === undefined ? [] : [kafkaRecord({ offset: at(i), value: Buffer.from(String(id)) })],
      ),
    });
  }

  #divergence(asked: number) {
    const endOffset = this.log.findIndex(({ epoch }) => epoch > asked);
    const end = endOffset < 0 ? this.log.length : endOffset;
    return { epoch: Math.min(asked, this.log[end - 1]?.epoch ?? -1), endOffset: end };
  }

  async answer(which: number): Promise<void> {
    const [given] = this.#answers.splice(which % Math.max(this.#answers.length, 1), 1);
    if (given) await this.member.give(given);
  }

  async commit(finished: number): Promise<void> {
    for (const entry of this.#accepted.splice(0, finished)) {
      if (entry.window.revoked) continue;
      this.seen.add(Number(entry.record.value!.toString()));
      entry.window.finish(entry);
    }
    await this.consumer.commit();
  }

  /** Whether the committed metadata describes the log as it is now. */
  #tellsLog(offset: number, metadata: string): boolean {
    const { log } = JSON.parse(metadata) as { log?: { id: string; epochs?: [number, number][] } };
    const last = this.log[offset - 1]?.epoch;
    return log?.id === String(this.#topic) && log.epochs?.at(-1)?.[1] === last;
  }

  get committed(): number {
    return this.group.committed?.offset ?? -1;
  }

  get pending(): number {
    return this.#answers.length;
  }
}

const size = fc.nat(6);
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ ask: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 6, arbitrary: fc.record({ answer: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ append: size, markers: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ commit: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ anew: size, markers: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ elect: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ joins: fc.integer({ min: 1, max: 2 }), others: size }) },
);

/** Found once: the log has lost its end and, after a join, has other records at offsets that were read. */
const LOST_BELOW_WHAT_WAS_READ = [
  { append: 0, markers: 2 },
  { ask: 2 },
  { answer: 0 },
  { joins: 1, others: 0 },
  { elect: 0 },
  { append: 1, markers: 1 },
  { ask: 2 },
  { answer: 0 },
  { commit: 0 },
];

test.each([true, false])(
  'no record is skipped after rejoins, elections that cut the log, and new topics (topics have ids: %s)',
  async (ids) => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (steps) => {
        const model = new Model(ids);
        await model.start();
        try {
          await model.join(1, 0);
          for (const step of steps) {
            if ('ask' in step) model.ask(step.ask);
            else if ('answer' in step) await model.answer(step.answer);
            else if ('append' in step) model.append(step.append, step.markers);
            else if ('commit' in step) await model.commit(step.commit);
            else if ('anew' in step) await model.makeAnew(step.anew, step.markers);
            else if ('elect' in step) model.elect(step.elect);
            else await model.join(step.joins, step.others);
          }
          while (model.pending > 0) await model.answer(0);
          // One more record is appended: a new log that ends where the old one was read to is only noticed by that.
          model.append(1, 0);
          await model.join(1, 0, 'the last');
          // The committed offset may be the end of another log, so there are at least five rounds.
          for (let i = 0; i < 100 && (i < 5 || model.committed !== model.log.length); i++) {
            model.ask(20);
            while (model.pending > 0) await model.answer(0);
            await model.commit(Infinity);
          }
          expect(model.committed).toBe(model.log.length);
          const passedBy = model.log.filter(({ id }) => id !== undefined && !model.seen.has(id));
          expect(passedBy).toEqual([]);
        } finally {
          await model.consumer.stop();
        }
      }),
      { numRuns: 300, examples: [[LOST_BELOW_WHAT_WAS_READ]] },
    );
  },
  120_000,
);
