import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import fc from 'fast-check';
import { pino } from 'pino';
import type { Backoff } from '../../../src/bridge/starts/backoff';
import { OPEN_GATE } from '../../../src/bridge/brake/brake';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import { ChunkLane } from '../../../src/bridge/chunk-lane/chunk-lane';
import { Outcomes } from '../../../src/bridge/outcomes/outcomes';
import { StreamConsumer } from '../../../src/bridge/consumer/stream-consumer';
import { ChunkMemory } from '../../../src/bridge/chunk-lane/chunk-memory';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import type { ChunkMemo } from '../../../src/domain/workflow/chunk';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { FakeConsumer } from '../support/fake-consumer';
import { fakeOffsets, fetchedBatch } from '../support/fetched-batch';
import { deferred, serviceError, settled, type Deferred } from '../support/fakes';

const stream = testStream({ execution: { lane: 'chunk' } });
const metrics = createMetrics();

/** No start waits here, and a refused start is tried again at once. */
const noBackoff = {
  ready: () => Promise.resolve(),
  failed: () => 0,
  succeeded: () => undefined,
} as unknown as Backoff;

interface PendingStart extends Deferred<{ eagerlyStarted: boolean }> {
  workflowId: string;
  memo: ChunkMemo;
}

/** Plays kafkajs as a member of the group. It fetches from its position, and a join sets the position to the commit. */
class Member extends FakeConsumer {
  position = 0;
  paused = false;
  override pause = () => undefined;
  override resume = () => void (this.paused = false);
  override seek = ({ offset }: { offset: string }) => void (this.position = Number(offset));
}

/** A bridge worker. It may have lost the partition without knowing it. */
interface Bridge {
  member: Member;
  consumer: StreamConsumer;
  dispatcher: ChunkLane;
  open: RunningWorkflows;
}

/** One partition, the group's committed offset, and a server that takes each workflow id once. */
class Model {
  readonly server = new Map<string, ChunkMemo>();
  readonly pending: PendingStart[] = [];
  readonly bridges: Bridge[] = [];
  readonly commits: { offset: number; metadata: string }[] = [];
  readonly fatal: unknown[] = [];
  readonly errors: string[] = [];
  readonly #all: Bridge[] = [];
  readonly #logger = pino({ level: 'error' }, { write: (line) => void this.errors.push(line) });
  committed: number | undefined;
  /** The metadata of the last commit. It says where the chain of chunks ends. */
  metadata: string | null = null;
  owner!: Bridge;

  constructor(
    readonly log: number[],
    private readonly maxRecords: number,
  ) {}

  async add(): Promise<void> {
    const member = new Member();
    const client = {
      options: { loadedDataConverter: { payloadCodecs: [] } },
      workflow: {
        start: (_: string, options: { workflowId: string; memo: ChunkMemo }) => {
          const start = { ...deferred<{ eagerlyStarted: boolean }>(), ...options };
          this.pending.push(start);
          return start.promise;
        },
        getHandle: (id: string) => ({
          describe: () => {
            const memo = this.server.get(id);
            return memo
              ? Promise.resolve({ memo, startTime: new Date(), status: { name: 'RUNNING' } })
              : Promise.reject(new WorkflowNotFoundError('none', id, undefined));
          },
        }),
      },
    } as never;
    const logger = this.#logger;
    const open = new RunningWorkflows(client, logger);
    const { signal } = new AbortController();
    const onFatal = (error: unknown) => this.fatal.push(error);
    const { maxRecords } = this;
    const consumer = new StreamConsumer({
      stream,
      group: {
        createConsumer: () => member.consumer,
        committed: () =>
          Promise.resolve([
            { partition: 0, offset: String(this.committed ?? -1), metadata: this.metadata },
          ]),
        offsets: fakeOffsets(),
      },
      metrics,
      logger,
      limits: { records: 4 * maxRecords, bytes: 1e9 },
      recentIds: () => 0,
      stalledAfterMs: 60_000,
      isStarted: () => Promise.resolve(false),
      stallCause: () => ({ reason: 'no_fetch' }),
      onFatal,
    });
    const dispatcher = new ChunkLane({
      stream,
      limits: { maxRecords, maxBytes: 1e9, lingerMs: 0 },
      remembered: new ChunkMemory(),
      startOwnWorkflow: () => Promise.reject(new Error('no chunk is refused here')),
      start: {
        client,
        stream,
        open,
        backoff: noBackoff,
        gate: OPEN_GATE,
        rate: new StartRate(() => undefined),
        metrics,
        logger,
        signal,
      },
      metrics,
      logger,
      outcomes: new Outcomes({
        stream,
        metrics,
        logger,
        brake: undefined,
        running: open,
        consumer,
      }),
      consumer,
      onFatal,
    });
    await consumer.start(dispatcher);
    this.owner = { member, consumer, dispatcher, open };
    this.bridges.push(this.owner);
    this.#all.push(this.owner);
    await this.join(this.owner);
  }

  /** Begins a new generation of the group, in which the bridge has the partition or not. */
  async join({ member }: Bridge, partitions = [0]): Promise<void> {
    member.position = this.committed ?? 0;
    const memberAssignment = { [stream.topic]: partitions };
    member.emit('join', { payload: { memberId: 'always the same', memberAssignment } });
    await this.settled();
  }

  /** Fetches a batch. Its last `hidden` offsets are invisible to consumers, like markers or an aborted transaction. */
  async fetch(bridge: Bridge, count: number, hidden: number): Promise<void> {
    const { member } = bridge;
    if (member.paused) return;
    const offsets = this.log.filter((offset) => offset >= member.position).slice(0, count);
    if (offsets.length === 0) return;
    const next = this.log.find((offset) => offset > offsets.at(-1)!) ?? Infinity;
    const last = Math.min(offsets.at(-1)! + hidden, next - 1);
    await member.handler({
      batch: fetchedBatch({
        topic: stream.topic,
        fetchOffset: member.position,
        nextOffset: last + 1,
        records: offsets.map((offset) =>
          kafkaRecord({
            offset,
            timestamp: 1_000 + offset,
            value: Buffer.from(`{"id":"${offset}"}`),
          }),
        ),
      }),
      resolveOffset: (offset: string) => (member.position = Number(offset) + 1),
      pause: () => (member.paused = true),
      commitOffsetsIfNecessary: (request: {
        topics: [{ partitions: [{ offset: string; metadata: string }] }];
      }) => {
        const [{ offset, metadata }] = request.topics[0].partitions;
        return this.#take(bridge, Number(offset), metadata);
      },
    });
  }

  #take(bridge: Bridge, offset: number, metadata: string): Promise<void> {
    if (bridge !== this.owner) return Promise.reject(new Error('not of this generation'));
    this.committed = offset;
    this.metadata = metadata;
    this.commits.push({ offset, metadata });
    return Promise.resolve();
  }

  /** Settles a pending start. `lost` means that the start reached the server, but its answer did not arrive. */
  answer(start: PendingStart, how: 'answered' | 'lost' | 'refused'): void {
    const { workflowId, memo } = start;
    if (how === 'refused') return start.reject(serviceError(14));
    const exists = this.server.has(workflowId);
    if (!exists) this.server.set(workflowId, memo);
    if (how === 'lost') start.reject(serviceError(4));
    else if (exists) {
      start.reject(new WorkflowExecutionAlreadyStartedError('held', workflowId, 'any'));
    } else start.resolve({ eagerlyStarted: true });
  }

  /** Lets all bridges go on, and ends all chunks that were started. */
  async settled(): Promise<void> {
    await settled();
    for (const { open } of this.#all) {
      for (const id of this.server.keys()) open.ended(id, 'delivered');
    }
    await settled();
  }

  async end(): Promise<void> {
    for (const { consumer, dispatcher, open } of this.#all) {
      open.stop();
      void dispatcher.stop();
      await consumer.stop();
    }
  }
}

const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      fetch: fc.nat(9),
      count: fc.integer({ min: 1, max: 7 }),
      hidden: fc.nat(3),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      answer: fc.nat(9),
      how: fc.constantFrom(
        'answered' as const,
        'answered' as const,
        'lost' as const,
        'refused' as const,
      ),
    }),
  },
  { weight: 3, arbitrary: fc.constant('commit' as const) },
  // The next owner begins while the old owner still works, as after a pause longer than the old owner's session.
  { weight: 1, arbitrary: fc.constant('rebalance' as const) },
  // The owner stays the owner, and begins again at its commit.
  { weight: 2, arbitrary: fc.constant('rejoin' as const) },
  { weight: 1, arbitrary: fc.record({ learnsOfItsLoss: fc.nat(9) }) },
  // Starts of the crashed owner may still reach the server.
  { weight: 1, arbitrary: fc.constant('crash' as const) },
  { weight: 1, arbitrary: fc.record({ rewind: fc.nat(9) }) },
);

type Step = typeof command extends fc.Arbitrary<infer T> ? T : never;

async function run(model: Model, step: Step) {
  const pick = <T>(list: T[], index: number): T | undefined => list[index % list.length];
  if (step === 'commit') await model.owner.consumer.commit();
  else if (step === 'rebalance') await model.add();
  else if (step === 'rejoin') await model.join(model.owner);
  else if (step === 'crash') {
    model.bridges.splice(model.bridges.indexOf(model.owner), 1);
    await model.add();
  } else if ('rewind' in step) {
    // The group is rewound to an earlier commit. All members have left the group for that.
    for (const bridge of model.bridges.splice(0)) await model.join(bridge, []);
    const commit = pick(model.commits, step.rewind);
    if (commit) [model.committed, model.metadata] = [commit.offset, commit.metadata];
    await model.add();
  } else if ('learnsOfItsLoss' in step) {
    const bridge = pick(model.bridges, step.learnsOfItsLoss);
    if (bridge && bridge !== model.owner) await model.join(bridge, []);
  } else if ('fetch' in step) {
    const bridge = pick(model.bridges, step.fetch);
    if (bridge) await model.fetch(bridge, step.count, step.hidden);
  } else {
    const [start] = model.pending.splice(step.answer % Math.max(model.pending.length, 1), 1);
    if (start) model.answer(start, step.how);
  }
  await model.settled();
}

/** Adds a last owner, which gets every answer, until it has committed the end of the log. */
async function finish(model: Model): Promise<void> {
  await model.add();
  for (let i = 0; i < 1_000; i++) {
    await model.fetch(model.owner, 5, 2);
    for (const start of model.pending.splice(0)) model.answer(start, 'answered');
    await model.settled();
    await model.owner.consumer.commit();
    if ((model.committed ?? 0) > model.log.at(-1)!) return;
  }
  throw new Error('the last owner did not come to an end');
}

const fetched = (count: number, hidden = 0) => ({ fetch: 0, count, hidden });
const answered = { answer: 0, how: 'answered' as const };
/** Cases that random runs have found: gaps between offsets, records of a chunk, steps. */
const FOUND: [number[], number, Step[]][] = [
  // A commit went back when the owner after a rewind met a chunk that ends beyond what it has fetched.
  [
    [...Array.from({ length: 14 }, () => 1), 2, 1],
    3,
    [
      ...[fetched(4), fetched(6), answered, answered, fetched(4, 1), answered, answered, answered],
      ...['commit' as const, fetched(2), { rewind: 7 }, fetched(1), answered, answered],
      ...['commit' as const, 'rejoin' as const, 'rejoin' as const, fetched(1)],
    ],
  ],
];

test('every record is in exactly one chunk after crashes, rebalances, rewinds and lost answers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 40, size: 'max' }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(command, { maxLength: 60, size: 'max' }),
      async (gaps, maxRecords, steps) => {
        // The offsets have gaps, as compaction and transactions leave them.
        let offset = 2;
        const log = gaps.map((gap) => (offset += gap));
        const model = new Model(log, maxRecords);
        try {
          await model.add();
          for (const step of steps) await run(model, step);
          await finish(model);
          expect(model.fatal).toEqual([]);
          expect(model.errors).toEqual([]);
          const chunks = [...model.server.values()];
          for (const one of log) {
            const holders = chunks.filter(({ first, last }) => first <= one && one <= last);
            expect(holders).toHaveLength(1);
          }
          // The count in each chunk's memo is the number of its records.
          for (const { first, last, count } of chunks) {
            expect(log.filter((one) => first <= one && one <= last)).toHaveLength(count);
          }
        } finally {
          await model.end();
        }
      },
    ),
    { numRuns: 300, examples: FOUND },
  );
}, 120_000);
