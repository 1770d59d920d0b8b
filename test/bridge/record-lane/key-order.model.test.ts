import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import fc from 'fast-check';
import { pino } from 'pino';
import { OPEN_GATE } from '../../../src/bridge/brake/brake';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import type { Backoff } from '../../../src/bridge/starts/backoff';
import { Outcomes } from '../../../src/bridge/outcomes/outcomes';
import { StreamConsumer } from '../../../src/bridge/consumer/stream-consumer';
import { RecordLane } from '../../../src/bridge/record-lane/record-lane';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { RecentLayer } from '../../../src/dedupe/recent-layer';
import type { RecordInput, RecordMemo } from '../../../src/domain/record/record';
import { InMemoryIdempotencyService } from '../../../src/dedupe/in-memory-idempotency-service';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { FakeConsumer } from '../support/fake-consumer';
import { fakeOffsets, fetchedBatch } from '../support/fetched-batch';
import { deferred, serviceError, settled, type Deferred } from '../support/fakes';

const metrics = createMetrics();
const noBackoff = {
  ready: () => Promise.resolve(),
  failed: () => 0,
  succeeded: () => undefined,
} as unknown as Backoff;

interface Run {
  workflowId: string;
  memo: RecordMemo;
  offset: number;
  key: string;
  after: string | undefined;
  /** The process that started the workflow. */
  bridge: Bridge;
  state: 'running' | 'slow' | 'ended';
}

interface PendingStart extends Deferred<{ eagerlyStarted: boolean }> {
  workflowId: string;
  memo: RecordMemo;
  args: [RecordInput];
  bridge: Bridge;
}

class Member extends FakeConsumer {
  position = 0;
  paused = false;
  override pause = () => undefined;
  override resume = () => void (this.paused = false);
  override seek = ({ offset }: { offset: string }) => void (this.position = Number(offset));
}

interface Bridge {
  member: Member;
  consumer: StreamConsumer;
  dispatcher: RecordLane;
  open: RunningWorkflows;
  idempotency: InMemoryIdempotencyService;
}

/** One partition with records of some keys, the group's commit with its metadata, and a server. */
class Model {
  readonly server = new Map<string, Run>();
  readonly pending: PendingStart[] = [];
  readonly bridges: Bridge[] = [];
  readonly fatal: unknown[] = [];
  readonly errors: string[] = [];
  /** The offsets of first deliveries, in their order. */
  readonly delivered: number[] = [];
  readonly overtaken: string[] = [];
  readonly #all: Bridge[] = [];
  readonly #logger = pino({ level: 'error' }, { write: (line) => void this.errors.push(line) });
  readonly #stream;
  committed: { offset: number; metadata: string } | undefined;
  owner!: Bridge;

  /** `keys` has the key of each record, from offset 0 on. A long `idSuffix` fills the metadata of commits. */
  constructor(
    readonly keys: string[],
    ordering: 'key' | 'partition',
    private readonly idSuffix: string,
  ) {
    this.#stream = testStream({ ordering, maxInFlight: 6, maxOpen: 20 });
  }

  async add(): Promise<void> {
    const member = new Member();
    const client = {
      options: { loadedDataConverter: { payloadCodecs: [] } },
      workflow: {
        start: (
          _: string,
          options: { workflowId: string; memo: RecordMemo; args: [RecordInput] },
        ) => {
          const start = { ...deferred<{ eagerlyStarted: boolean }>(), ...options, bridge };
          this.pending.push(start);
          return start.promise;
        },
        getHandle: (id: string) => ({
          describe: () => {
            const run = this.server.get(id);
            if (!run) return Promise.reject(new WorkflowNotFoundError('none', id, undefined));
            const name = run.state === 'ended' ? 'COMPLETED' : 'RUNNING';
            return Promise.resolve({ memo: run.memo, startTime: new Date(), status: { name } });
          },
        }),
      },
    } as never;
    const logger = this.#logger;
    const stream = this.#stream;
    const open = new RunningWorkflows(client, logger);
    const idempotency = new InMemoryIdempotencyService({});
    const onFatal = (error: unknown) => this.fatal.push(error);
    const consumer = new StreamConsumer({
      stream,
      group: {
        createConsumer: () => member.consumer,
        committed: () =>
          Promise.resolve([
            {
              partition: 0,
              offset: String(this.committed?.offset ?? -1),
              metadata: this.committed?.metadata ?? null,
            },
          ]),
        offsets: fakeOffsets(),
      },
      metrics,
      logger,
      limits: { records: 30, bytes: 1e9 },
      recentIds: () => 0,
      stalledAfterMs: 60_000,
      isStarted: () => Promise.resolve(false),
      stallCause: () => ({ reason: 'no_fetch' }),
      onFatal,
    });
    const dispatcher = new RecordLane({
      stream,
      recent: new RecentLayer(idempotency, 30_000),
      decodeFailures: new Map(),
      start: {
        client,
        stream,
        open,
        backoff: noBackoff,
        gate: OPEN_GATE,
        rate: new StartRate(() => undefined),
        metrics,
        logger,
        signal: new AbortController().signal,
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
    const bridge: Bridge = { member, consumer, dispatcher, open, idempotency };
    await consumer.start(dispatcher);
    this.owner = bridge;
    this.bridges.push(bridge);
    this.#all.push(bridge);
    await this.join(bridge);
  }

  async join({ member }: Bridge, partitions = [0]): Promise<void> {
    member.position = this.committed?.offset ?? 0;
    const memberAssignment = { [this.#stream.topic]: partitions };
    member.emit('join', { payload: { memberId: 'always the same', memberAssignment } });
    await settled();
  }

  async fetch(bridge: Bridge, count: number): Promise<void> {
    const { member } = bridge;
    const offsets = [...this.keys.keys()].slice(member.position, member.position + count);
    if (member.paused || offsets.length === 0) return;
    await member.handler({
      batch: fetchedBatch({
        topic: this.#stream.topic,
        fetchOffset: member.position,
        records: offsets.map((offset) =>
          kafkaRecord({
            offset,
            timestamp: 1_000 + offset,
            key: Buffer.from(this.keys[offset]!),
            value: Buffer.from(JSON.stringify({ id: `${offset}${this.idSuffix}` })),
          }),
        ),
      }),
      resolveOffset: (offset: string) => (member.position = Number(offset) + 1),
      pause: () => (member.paused = true),
      commitOffsetsIfNecessary: (request: {
        topics: [{ partitions: [{ offset: string; metadata: string }] }];
      }) => {
        if (bridge !== this.owner) return Promise.reject(new Error('not of this generation'));
        const [{ offset, metadata }] = request.topics[0].partitions;
        // The broker refuses metadata of this size.
        if (Buffer.byteLength(metadata) > 4_096) return Promise.reject(new Error('too large'));
        this.committed = { offset: Number(offset), metadata };
        return Promise.resolve();
      },
    });
  }

  answer(start: PendingStart, how: 'answered' | 'lost' | 'refused'): void {
    const { workflowId, memo, bridge } = start;
    if (how === 'refused') return start.reject(serviceError(14));
    const exists = this.server.has(workflowId);
    if (!exists) {
      const { offset, after } = start.args[0];
      const key = this.keys[offset]!;
      this.server.set(workflowId, {
        workflowId,
        memo,
        offset,
        key,
        after,
        bridge,
        state: 'running',
      });
    }
    if (how === 'lost') start.reject(serviceError(4));
    else if (exists) {
      start.reject(new WorkflowExecutionAlreadyStartedError('held', workflowId, 'any'));
    } else start.resolve({ eagerlyStarted: true });
  }

  /** Lets a run go on: its first task is over, or it ends. A run that has to wait for its predecessor does not end. */
  progress(run: Run, how: 'slow' | 'end'): void {
    if (run.state === 'ended') return;
    const before = run.after === undefined ? undefined : this.server.get(run.after);
    const waits = before !== undefined && before !== run && before.state !== 'ended';
    if (how === 'slow' || waits) {
      run.state = 'slow';
      run.bridge.open.firstTaskOver(run.workflowId);
      return;
    }
    const missing = [...this.keys.keys()].filter(
      (offset) => offset < run.offset && this.#ordered(offset, run.offset),
    );
    for (const offset of missing) {
      if (!this.delivered.includes(offset)) this.overtaken.push(`${run.offset} before ${offset}`);
    }
    run.state = 'ended';
    this.delivered.push(run.offset);
    run.bridge.open.ended(run.workflowId, 'delivered');
  }

  #ordered(a: number, b: number): boolean {
    return this.#stream.ordering === 'partition' || this.keys[a] === this.keys[b];
  }

  /** Does what the bridges' timers would do: they look up workflows whose end was not reported to them. */
  async ask(): Promise<void> {
    for (const { open } of this.#all) {
      for (const run of this.server.values()) {
        if (run.state === 'ended') open.ended(run.workflowId, 'delivered');
      }
    }
    await settled();
  }

  async end(): Promise<void> {
    for (const { consumer, dispatcher, open, idempotency } of this.#all) {
      open.stop();
      idempotency.close();
      void dispatcher.stop();
      await consumer.stop();
    }
  }
}

const how = fc.constantFrom('answered', 'answered', 'answered', 'lost', 'refused');
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ fetch: fc.nat(9), count: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 10, arbitrary: fc.record({ answer: fc.nat(9), how }) },
  {
    weight: 10,
    arbitrary: fc.record({ progress: fc.nat(99), how: fc.constantFrom('slow', 'slow', 'end') }),
  },
  { weight: 4, arbitrary: fc.constant('commit' as const) },
  { weight: 2, arbitrary: fc.constant('ask' as const) },
  { weight: 1, arbitrary: fc.constant('rebalance' as const) },
  { weight: 1, arbitrary: fc.constant('rejoin' as const) },
  { weight: 1, arbitrary: fc.record({ learnsOfItsLoss: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.constant('crash' as const) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

async function run(model: Model, step: Command): Promise<void> {
  const pick = <T>(list: T[], index: number): T | undefined => list[index % list.length];
  if (step === 'commit') await model.owner.consumer.commit();
  else if (step === 'ask') await model.ask();
  else if (step === 'rebalance') await model.add();
  else if (step === 'rejoin') await model.join(model.owner);
  else if (step === 'crash') {
    model.bridges.splice(model.bridges.indexOf(model.owner), 1);
    await model.add();
  } else if ('learnsOfItsLoss' in step) {
    const bridge = pick(model.bridges, step.learnsOfItsLoss);
    if (bridge && bridge !== model.owner) await model.join(bridge, []);
  } else if ('fetch' in step) {
    const bridge = pick(model.bridges, step.fetch);
    if (bridge) await model.fetch(bridge, step.count);
  } else if ('answer' in step) {
    const [start] = model.pending.splice(step.answer % Math.max(model.pending.length, 1), 1);
    if (start) model.answer(start, step.how);
  } else {
    const one = pick([...model.server.values()], step.progress);
    if (one) model.progress(one, step.how);
  }
  await settled();
}

/** Adds a last owner, which gets every answer, and ends every workflow. */
async function finish(model: Model): Promise<void> {
  await model.add();
  for (let i = 0; i < 400; i++) {
    await model.fetch(model.owner, 5);
    for (const start of model.pending.splice(0)) model.answer(start, 'answered');
    await settled();
    for (const one of model.server.values()) model.progress(one, 'end');
    await model.ask();
    await model.owner.consumer.commit();
    if (model.committed?.offset === model.keys.length) return;
  }
  throw new Error(`the last owner did not come to an end: ${JSON.stringify(model.committed)}`);
}

test.each([
  { ordering: 'key' as const, ids: 'short', idSuffix: '', keysOf: ['a', 'b', 'c'] },
  // JSON escapes these ids of 255 bytes, so a few of them fill the metadata.
  {
    ordering: 'key' as const,
    ids: 'long',
    idSuffix: '\\'.repeat(200),
    keysOf: [...'abcdefghijkl'],
  },
  { ordering: 'partition' as const, ids: 'short', idSuffix: '', keysOf: ['a', 'b'] },
])(
  'under order by $ordering with $ids ids no record is overtaken or lost after crashes, rebalances and slow runs',
  async ({ ordering, idSuffix, keysOf }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...keysOf), {
          minLength: 20,
          maxLength: 40,
          size: 'max',
        }),
        fc.array(command, { maxLength: 120, size: 'max' }),
        async (keys, steps) => {
          const model = new Model(keys, ordering, idSuffix);
          try {
            await model.add();
            for (const step of steps) await run(model, step);
            await finish(model);
            expect(model.fatal).toEqual([]);
            expect(model.errors).toEqual([]);
            expect(model.overtaken).toEqual([]);
            expect([...model.delivered].sort((a, b) => a - b)).toEqual([...keys.keys()]);
          } finally {
            await model.end();
          }
        },
      ),
      { numRuns: 150 },
    );
  },
  120_000,
);
