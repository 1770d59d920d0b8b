import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import fc from 'fast-check';
import { pino } from 'pino';
import { deliverChunk } from '../../../src/activities/chunk/deliver-chunk';
import { NO_GUARD } from '../../../src/activities/guard/delivery-guard';
import type { ChunkResult } from '../../../src/domain/workflow/record-activities';
import { OPEN_GATE } from '../../../src/bridge/brake/brake';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import type { Backoff } from '../../../src/bridge/starts/backoff';
import { ChunkLane } from '../../../src/bridge/chunk-lane/chunk-lane';
import { Outcomes } from '../../../src/bridge/outcomes/outcomes';
import { StreamConsumer } from '../../../src/bridge/consumer/stream-consumer';
import { ChunkMemory } from '../../../src/bridge/chunk-lane/chunk-memory';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { RecentLayer } from '../../../src/dedupe/recent-layer';
import type { ChunkInput, ChunkMemo } from '../../../src/domain/workflow/chunk';
import { DeliveryError } from '../../../src/domain/errors';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { DEFAULT_RETRY_POLICY } from '../../../src/domain/stream/retry-policy';
import type { SinkRecord } from '../../../src/domain/stream/sink';
import { InMemoryIdempotencyService } from '../../../src/dedupe/in-memory-idempotency-service';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { FakeConsumer } from '../support/fake-consumer';
import { fakeOffsets, fetchedBatch } from '../support/fetched-batch';
import { deferred, serviceError, settled, type Deferred } from '../support/fakes';

const metrics = createMetrics();
/** Allows one attempt for each record and call, so that nothing waits for a timer. */
const retry = { ...DEFAULT_RETRY_POLICY, fastAttempts: 1, maximumAttempts: 2 };
const noBackoff = {
  ready: () => Promise.resolve(),
  failed: () => 0,
  succeeded: () => undefined,
} as unknown as Backoff;
const quiet = new DefaultLogger('ERROR');
const ATTEMPT_MS = 30_000;

type ChunkStart = { workflowId: string; memo: ChunkMemo; args: [ChunkInput] };
type PendingStart = Deferred<{ eagerlyStarted: boolean }> & ChunkStart & { bridge: Bridge };

interface ChunkRun extends ChunkStart {
  bridge: Bridge;
  attempts: number;
  result: Deferred<ChunkResult>;
  ended: boolean;
}

interface RecordRun {
  workflowId: string;
  offset: number;
  after: string | undefined;
  ended: boolean;
  end: Deferred<void>;
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
  dispatcher: ChunkLane;
  open: RunningWorkflows;
  held: ChunkMemory;
  recent: RecentLayer;
  idempotency: InMemoryIdempotencyService;
}

/** One partition, the group's commit with its metadata, and a server that runs chunks and records. */
class Model {
  readonly chunks = new Map<string, ChunkRun>();
  readonly records = new Map<string, RecordRun>();
  readonly pending: PendingStart[] = [];
  readonly bridges: Bridge[] = [];
  readonly fatal: unknown[] = [];
  readonly overtaken: string[] = [];
  /** The offsets of records that are delivered or dead-lettered. */
  readonly over = new Set<number>();
  readonly #all: Bridge[] = [];
  readonly #logger = pino({ level: 'silent' });
  readonly #log: KafkaRecord[];
  readonly #stream;
  /** The sink's answers to the next attempts, in order. If an answer is undefined or missing, it takes the record. */
  answers: ('Transient' | 'Permanent' | undefined)[] = [];
  committed: { offset: number; metadata: string } | undefined;
  owner!: Bridge;

  constructor(
    readonly keys: string[],
    ordering: 'key' | 'partition',
    private readonly maxRecords: number,
  ) {
    this.#stream = testStream({
      ordering,
      execution: { lane: 'chunk' },
      sink: (record) => this.#write(record),
    });
    this.#log = keys.map((key, offset) =>
      kafkaRecord({
        offset,
        timestamp: 1_000 + offset,
        key: Buffer.from(key),
        value: Buffer.from(key === 'invalid' ? '{' : JSON.stringify({ id: `${offset}` })),
      }),
    );
  }

  #workflowEnd(id: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      void (this.records.get(id)?.end.promise ?? Promise.resolve()).then(resolve);
    });
  }

  #write({ offset }: SinkRecord): Promise<void> {
    const answer = this.answers.shift();
    if (answer) return Promise.reject(new DeliveryError(answer, 'as the test says'));
    this.#end(offset);
    return Promise.resolve();
  }

  /** Notes that the record is delivered or dead-lettered, and which earlier records of its order it has overtaken. */
  #end(offset: number): void {
    const ordered = (other: number) =>
      this.#stream.ordering === 'partition' || this.keys[other] === this.keys[offset];
    for (let other = 0; other < offset; other++) {
      if (ordered(other) && !this.over.has(other)) this.overtaken.push(`${offset} before ${other}`);
    }
    this.over.add(offset);
  }

  async add(): Promise<void> {
    const member = new Member();
    const client = {
      options: { loadedDataConverter: { payloadCodecs: [] } },
      workflow: {
        start: (_: string, options: ChunkStart) => {
          const start = { ...deferred<{ eagerlyStarted: boolean }>(), ...options, bridge };
          this.pending.push(start);
          return start.promise;
        },
        getHandle: (id: string) => ({
          result: () =>
            this.chunks.get(id)?.result.promise ??
            Promise.reject(new WorkflowNotFoundError('none', id, undefined)),
          describe: () => {
            const run = this.chunks.get(id) ?? this.records.get(id);
            if (!run) return Promise.reject(new WorkflowNotFoundError('none', id, undefined));
            const name = run.ended ? 'COMPLETED' : 'RUNNING';
            return Promise.resolve({
              memo: 'memo' in run ? run.memo : {},
              startTime: new Date(),
              status: { name },
            });
          },
        }),
      },
    } as never;
    const logger = this.#logger;
    const stream = this.#stream;
    const open = new RunningWorkflows(client, logger);
    const held = new ChunkMemory();
    const idempotency = new InMemoryIdempotencyService({});
    const { signal } = new AbortController();
    const onFatal = (error: unknown) => this.fatal.push(error);
    const { maxRecords } = this;
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
      limits: { records: 4 * maxRecords, bytes: 1e9 },
      stalledAfterMs: 60_000,
      silentAfterMs: 1e9,
      isStarted: () => Promise.resolve(false),
      stallCause: () => ({ reason: 'no_fetch' }),
      recentIds: () => 0,
      onFatal,
    });
    const dispatcher = new ChunkLane({
      stream,
      limits: { maxRecords, maxBytes: 1e9, lingerMs: 0 },
      remembered: held,
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
    const recent = new RecentLayer(idempotency, 30_000);
    const bridge: Bridge = { member, consumer, dispatcher, open, held, recent, idempotency };
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
    const records = this.#log.slice(member.position, member.position + count);
    if (member.paused || records.length === 0) return;
    await member.handler({
      batch: fetchedBatch({
        topic: this.#stream.topic,
        fetchOffset: member.position,
        records,
      }),
      resolveOffset: (offset: string) => (member.position = Number(offset) + 1),
      pause: () => (member.paused = true),
      commitOffsetsIfNecessary: (request: {
        topics: [{ partitions: [{ offset: string; metadata: string }] }];
      }) => {
        if (bridge !== this.owner) return Promise.reject(new Error('not of this generation'));
        const [{ offset, metadata }] = request.topics[0].partitions;
        this.committed = { offset: Number(offset), metadata };
        return Promise.resolve();
      },
    });
  }

  answer(start: PendingStart, how: 'answered' | 'lost' | 'refused'): void {
    const { workflowId, memo, args, bridge } = start;
    if (how === 'refused') return start.reject(serviceError(14));
    const exists = this.chunks.has(workflowId);
    if (!exists) {
      const result = deferred<ChunkResult>();
      const run = {
        workflowId,
        memo,
        args,
        bridge,
        attempts: 0,
        result,
        ended: false,
      };
      this.chunks.set(workflowId, run);
    }
    if (how === 'lost') start.reject(serviceError(4));
    else if (exists) {
      start.reject(new WorkflowExecutionAlreadyStartedError('held', workflowId, 'any'));
    } else start.resolve({ eagerlyStarted: true });
  }

  /**
   * Makes one attempt at a chunk, in the process that remembers its records or in another process. The attempt may
   * begin while an earlier attempt still works, if the server has not heard from that one for too long. Resolves when
   * the attempt has ended, or waits for a record that has left.
   */
  async attempt(run: ChunkRun, elsewhere: boolean, handOnFails: boolean): Promise<void> {
    if (run.ended) return;
    let isOver = false;
    const attempt = this.#attempt(run, elsewhere, handOnFails).finally(() => {
      isOver = true;
    });
    attempt.catch((error: unknown) => this.fatal.push(error));
    for (let i = 0; i < 20 && !isOver; i++) await settled();
  }

  async #attempt(run: ChunkRun, elsewhere: boolean, handOnFails: boolean): Promise<void> {
    const [chunk] = run.args;
    const { held, recent } = run.bridge;
    const isLocal = run.attempts === 0 && !elsewhere;
    const attempt = isLocal ? 1 : Math.max(run.attempts, 1);
    run.attempts++;
    const info = { isLocal, attempt, startToCloseTimeoutMs: ATTEMPT_MS };
    const environment = new MockActivityEnvironment(info, { logger: quiet });
    const idempotency = new InMemoryIdempotencyService({});
    const nothing = () => undefined;
    const records = this.#log.slice(chunk.first, chunk.last + 1);
    try {
      const result: ChunkResult = await environment.run(() =>
        deliverChunk(
          {
            stream: this.#stream,
            guard: NO_GUARD,
            workflowEnd: (id, signal) => this.#workflowEnd(id, signal),
            recent: elsewhere ? new RecentLayer(idempotency, 30_000) : recent,
            ...(!elsewhere && { remembered: held }),
            startOwnWorkflow: (start, { offset }) => {
              const { workflowId } = start;
              const [{ after }] = start.args;
              if (!this.records.has(workflowId)) {
                const end = deferred<void>();
                this.records.set(workflowId, { workflowId, offset, after, ended: false, end });
              }
              return handOnFails ? Promise.reject(serviceError(4)) : Promise.resolve(workflowId);
            },
            reader: {
              earliest: () => Promise.resolve(0),
              // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
              async *read() {
                yield* records;
              },
              close: () => Promise.resolve(),
            },
            events: {
              delivered: nothing,
              duplicate: nothing,
              checked: nothing,
              waiting: nothing,
              expired: nothing,
              filtered: nothing,
              decoding: nothing,
              attemptFailed: nothing,
              attemptSucceeded: nothing,
            },
          },
          chunk,
          retry,
        ),
      );
      run.ended = true;
      run.result.resolve(result);
      run.bridge.open.ended(run.workflowId, 'delivered');
    } catch (error) {
      const expected = error instanceof ApplicationFailure || error instanceof Error;
      if (!expected) throw error;
    } finally {
      idempotency.close();
    }
  }

  /** Ends the workflow of a record that has left its chunk, unless the workflow has to wait for its predecessor. */
  endRecord(run: RecordRun): void {
    const before = run.after === undefined ? undefined : this.records.get(run.after);
    if (run.ended || (before && !before.ended)) return;
    run.ended = true;
    run.end.resolve();
    if (!this.over.has(run.offset)) this.#end(run.offset);
    for (const { open } of this.#all) open.ended(run.workflowId, 'delivered');
  }

  async end(): Promise<void> {
    for (const { consumer, dispatcher, open, idempotency, member } of this.#all) {
      member.emit('join', {
        payload: { memberId: 'another', memberAssignment: { [this.#stream.topic]: [] } },
      });
      open.stop();
      idempotency.close();
      void dispatcher.stop();
      await consumer.stop();
    }
  }
}

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ fetch: fc.nat(9), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      answer: fc.nat(9),
      how: fc.constantFrom('answered' as const, 'answered' as const, 'lost' as const),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      attempt: fc.nat(99),
      elsewhere: fc.boolean(),
      handOnFails: fc.constantFrom(false, false, true),
      answers: fc.array(
        fc.constantFrom(undefined, undefined, 'Transient' as const, 'Permanent' as const),
        { maxLength: 9 },
      ),
    }),
  },
  { weight: 4, arbitrary: fc.record({ endRecord: fc.nat(99) }) },
  { weight: 4, arbitrary: fc.constant('commit' as const) },
  { weight: 3, arbitrary: fc.record({ passes: fc.constantFrom(500, 10_000, ATTEMPT_MS) }) },
  { weight: 1, arbitrary: fc.constant('rebalance' as const) },
  { weight: 1, arbitrary: fc.constant('rejoin' as const) },
  { weight: 1, arbitrary: fc.record({ learnsOfItsLoss: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.constant('crash' as const) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** Lets the chains of chunks go on. They check every 50 ms whether they may. */
async function goOn(): Promise<void> {
  await settled();
  jest.advanceTimersByTime(50);
  await settled();
}

async function run(model: Model, step: Command): Promise<void> {
  const pick = <T>(list: T[], index: number): T | undefined => list[index % list.length];
  if (step === 'commit') await model.owner.consumer.commit();
  else if (step === 'rebalance') await model.add();
  else if (step === 'rejoin') await model.join(model.owner);
  else if (step === 'crash') {
    model.bridges.splice(model.bridges.indexOf(model.owner), 1);
    await model.add();
  } else if ('learnsOfItsLoss' in step) {
    const bridge = pick(model.bridges, step.learnsOfItsLoss);
    if (bridge && bridge !== model.owner) await model.join(bridge, []);
  } else if ('passes' in step) jest.advanceTimersByTime(step.passes);
  else if ('fetch' in step) {
    const bridge = pick(model.bridges, step.fetch);
    if (bridge) await model.fetch(bridge, step.count);
  } else if ('answer' in step) {
    const [start] = model.pending.splice(step.answer % Math.max(model.pending.length, 1), 1);
    if (start) model.answer(start, step.how);
  } else if ('attempt' in step) {
    model.answers = [...step.answers];
    const one = pick([...model.chunks.values()], step.attempt);
    if (one) await model.attempt(one, step.elsewhere, step.handOnFails);
    model.answers = [];
  } else {
    const one = pick([...model.records.values()], step.endRecord);
    if (one) model.endRecord(one);
  }
  await goOn();
}

async function finish(model: Model): Promise<void> {
  await model.add();
  for (let i = 0; i < 400; i++) {
    await model.fetch(model.owner, 5);
    for (const start of model.pending.splice(0)) model.answer(start, 'answered');
    await settled();
    for (const one of model.chunks.values()) await model.attempt(one, i % 2 === 0, false);
    for (const one of model.records.values()) model.endRecord(one);
    await goOn();
    await model.owner.consumer.commit();
    if (model.committed?.offset === model.keys.length) return;
  }
  throw new Error(`the last owner did not come to an end: ${JSON.stringify(model.committed)}`);
}

beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance'] }));
afterEach(() => jest.useRealTimers());

test.each(['key', 'partition'] as const)(
  'under order by %s no record is overtaken or lost after crashes, rebalances, failures and records that leave',
  async (ordering) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'a', 'b', 'c', 'invalid'), {
          minLength: 10,
          maxLength: 30,
          size: 'max',
        }),
        fc.integer({ min: 1, max: 6 }),
        fc.array(command, { maxLength: 100, size: 'max' }),
        async (keys, maxRecords, steps) => {
          const model = new Model(keys, ordering, maxRecords);
          try {
            await model.add();
            for (const step of steps) await run(model, step);
            await finish(model);
            for (const one of model.records.values()) model.endRecord(one);
            expect(model.fatal).toEqual([]);
            expect(model.overtaken).toEqual([]);
            expect([...model.over].sort((a, b) => a - b)).toEqual([...keys.keys()]);
          } finally {
            await model.end();
          }
        },
      ),
      { numRuns: 200 },
    );
  },
  280_000,
);
