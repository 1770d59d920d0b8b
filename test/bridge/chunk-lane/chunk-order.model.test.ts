import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import fc from 'fast-check';
import { deliverChunk } from '../../../src/activities/chunk/deliver-chunk';
import { NO_GUARD } from '../../../src/activities/guard/delivery-guard';
import type { ChunkResult } from '../../../src/domain/workflow/record-activities';
import { ChunkLane } from '../../../src/bridge/chunk-lane/chunk-lane';
import { ChunkMemory } from '../../../src/bridge/chunk-lane/chunk-memory';
import { RecentLayer } from '../../../src/dedupe/recent-layer';
import type { ChunkInput, ChunkMemo } from '../../../src/domain/workflow/chunk';
import { DeliveryError } from '../../../src/domain/errors';
import type { KafkaRecord } from '../../../src/domain/record/record';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { DEFAULT_RETRY_POLICY } from '../../../src/domain/stream/retry-policy';
import type { SinkRecord } from '../../../src/domain/stream/sink';
import { InMemoryIdempotencyService } from '../../../src/dedupe/in-memory-idempotency-service';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { ClusterModel, memberSteps, pick, type Bridge } from '../support/cluster-model';
import { deferred, serviceError, settled, type Deferred } from '../support/fakes';

/** Allows one attempt for each record and call, so that nothing waits for a timer. */
const retry = { ...DEFAULT_RETRY_POLICY, fastAttempts: 1, maximumAttempts: 2 };
const quiet = new DefaultLogger('ERROR');
const ATTEMPT_MS = 30_000;

interface ChunkStart {
  workflowId: string;
  memo: ChunkMemo;
  args: [ChunkInput];
}

interface ChunkRun extends ChunkStart {
  /** The process that started the workflow. */
  bridge: ChunkBridge;
  attempts: number;
  end: Deferred<ChunkResult>;
  ended: boolean;
}

/** The workflow of a record that has left its chunk. */
interface RecordRun {
  workflowId: string;
  offset: number;
  after: string | undefined;
  ended: boolean;
  end: Deferred<void>;
}

interface ChunkBridge extends Bridge {
  remembered: ChunkMemory;
  recent: RecentLayer;
}

/** Bridge workers in the chunk lane, with records of some keys, and a server that runs chunks and records. */
class Model {
  readonly cluster: ClusterModel<ChunkStart, ChunkRun, ChunkBridge>;
  readonly records = new Map<string, RecordRun>();
  readonly overtaken: string[] = [];
  /** The offsets of records that are delivered or dead-lettered. */
  readonly over = new Set<number>();
  readonly #log: KafkaRecord[];
  readonly #stream: AnyStream;
  /** The sink's answers to the next attempts, in order. If an answer is undefined or missing, it takes the record. */
  answers: ('Transient' | 'Permanent' | undefined)[] = [];

  constructor(
    readonly keys: string[],
    ordering: 'key' | 'partition',
    maxRecords: number,
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
    this.cluster = new ClusterModel({
      stream: this.#stream,
      limits: { records: 4 * maxRecords, bytes: 1e9 },
      log: this.#log,
      runOf: ({ workflowId, memo, args, bridge }) => {
        const end = deferred<ChunkResult>();
        return { workflowId, memo, args, bridge, attempts: 0, end, ended: false };
      },
      otherRun: (id) => {
        const run = this.records.get(id);
        return run && { memo: {}, ended: run.ended };
      },
      bridge: (parts, common) => {
        const remembered = new ChunkMemory();
        const idempotency = new InMemoryIdempotencyService({ maxEntries: 1_000 });
        const recent = new RecentLayer(idempotency, 30_000);
        const lane = new ChunkLane({
          ...{ ...common, remembered },
          limits: { maxRecords, maxBytes: 1e9, lingerMs: 0 },
          startOwnWorkflow: () => Promise.reject(new Error('no chunk is refused here')),
        });
        return { ...parts, lane, remembered, recent, idempotency };
      },
    });
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
    attempt.catch((error: unknown) => this.cluster.fatal.push(error));
    for (let i = 0; i < 20 && !isOver; i++) await settled();
  }

  async #attempt(run: ChunkRun, elsewhere: boolean, handOnFails: boolean): Promise<void> {
    const [chunk] = run.args;
    const { remembered, recent } = run.bridge;
    const isLocal = run.attempts === 0 && !elsewhere;
    const attempt = isLocal ? 1 : Math.max(run.attempts, 1);
    run.attempts++;
    const info = { isLocal, attempt, startToCloseTimeoutMs: ATTEMPT_MS };
    const environment = new MockActivityEnvironment(info, { logger: quiet });
    const idempotency = new InMemoryIdempotencyService({ maxEntries: 1_000 });
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
            ...(!elsewhere && { remembered }),
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
      run.end.resolve(result);
      run.bridge.running.ended(run.workflowId, 'delivered');
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
    for (const { running } of this.cluster.all) running.ended(run.workflowId, 'delivered');
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
  { weight: 3, arbitrary: fc.record({ passes: fc.constantFrom(500, 10_000, ATTEMPT_MS) }) },
  ...memberSteps({ commit: 4, rejoin: 1 }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** Lets the chains of chunks go on. They check every 50 ms whether they may. */
async function goOn(): Promise<void> {
  await settled();
  jest.advanceTimersByTime(50);
  await settled();
}

async function run(model: Model, step: Command): Promise<void> {
  const { cluster } = model;
  if (typeof step === 'string') await cluster.step(step);
  else if ('passes' in step) jest.advanceTimersByTime(step.passes);
  else if ('attempt' in step) {
    model.answers = [...step.answers];
    const one = pick([...cluster.runs.values()], step.attempt);
    if (one) await model.attempt(one, step.elsewhere, step.handOnFails);
    model.answers = [];
  } else if ('endRecord' in step) {
    const one = pick([...model.records.values()], step.endRecord);
    if (one) model.endRecord(one);
  } else await cluster.step(step);
  await goOn();
}

async function finish(model: Model): Promise<void> {
  const { cluster, keys } = model;
  await cluster.add();
  for (let i = 0; i < 400; i++) {
    await cluster.owner.member.fetch(5);
    cluster.answerAll();
    await settled();
    for (const one of cluster.runs.values()) await model.attempt(one, i % 2 === 0, false);
    for (const one of model.records.values()) model.endRecord(one);
    await goOn();
    await cluster.owner.consumer.commit();
    if (cluster.group.committed?.offset === keys.length) return;
  }
  throw new Error(
    `the last owner did not come to an end: ${JSON.stringify(cluster.group.committed)}`,
  );
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
            await model.cluster.add();
            for (const step of steps) await run(model, step);
            await finish(model);
            for (const one of model.records.values()) model.endRecord(one);
            expect(model.cluster.fatal).toEqual([]);
            expect(model.overtaken).toEqual([]);
            expect([...model.over].sort((a, b) => a - b)).toEqual([...keys.keys()]);
          } finally {
            await model.cluster.end();
          }
        },
      ),
      { numRuns: 200 },
    );
  },
  280_000,
);
