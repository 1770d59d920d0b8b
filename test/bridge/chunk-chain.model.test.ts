import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import fc from 'fast-check';
import type { Backoff } from '../../src/bridge/backoff';
import { ChunkChain } from '../../src/bridge/chunk-chain';
import { HeldChunks } from '../../src/bridge/held-chunks';
import { Ledger } from '../../src/bridge/ledger';
import { OpenRecords } from '../../src/bridge/open-records';
import { PartitionWindow } from '../../src/bridge/partition-window';
import { Slots } from '../../src/bridge/slots';
import type { ChunkMemo } from '../../src/domain/chunk';
import { createMetrics } from '../../src/metrics';
import { kafkaRecord, testStream } from '../domain/support/records';
import { deferred, keepingLogger, serviceError, type Deferred } from './support/fakes';

const stream = testStream({ execution: { lane: 'chunk' } });
const { logger } = keepingLogger();
const metrics = createMetrics();
const limits = { records: 1e6, bytes: 1e9 };

/** A chunk waits for nobody here, and a refused start is tried again at once. */
const noBackoff = {
  ready: () => Promise.resolve(),
  failed: () => 0,
  succeeded: () => undefined,
} as unknown as Backoff;

async function settled(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
}

interface PendingStart extends Deferred<{ eagerlyStarted: boolean }> {
  workflowId: string;
  memo: ChunkMemo;
}

/** A consumer of the partition. It may have lost the partition without knowing. */
interface Consumer {
  window: PartitionWindow;
  chain: ChunkChain;
  /** Index into the log of what it fetches next. */
  position: number;
}

/** One partition, the group's committed offset, and a server that takes each workflow id once. */
class Model {
  readonly server = new Map<string, ChunkMemo>();
  readonly pending: PendingStart[] = [];
  readonly consumers: Consumer[] = [];
  readonly commits: number[] = [];
  readonly fatal: unknown[] = [];
  readonly #open: OpenRecords[] = [];
  committed: number | undefined;
  owner: Consumer;

  constructor(
    readonly log: number[],
    private readonly maxRecords: number,
  ) {
    this.owner = this.join();
  }

  join(): Consumer {
    const window = new PartitionWindow('topic', 0, limits, new Ledger(), 'chunk');
    const { committed } = this;
    if (committed !== undefined) window.initialOffset = committed;
    const client = {
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
              ? Promise.resolve({ memo })
              : Promise.reject(new WorkflowNotFoundError('none', id, undefined));
          },
        }),
      },
    } as never;
    const open = new OpenRecords(client, logger);
    this.#open.push(open);
    const signal = new AbortController().signal;
    const consumer: Consumer = {
      window,
      position: this.log.filter((offset) => offset < (committed ?? 0)).length,
      chain: new ChunkChain({
        stream,
        limits: { maxRecords: this.maxRecords, maxBytes: 1e9, lingerMs: 0 },
        window,
        open: new Slots(1e6),
        held: new HeldChunks(),
        start: { client, stream, open, backoff: noBackoff, metrics, logger, signal },
        metrics,
        logger,
        base: (_, first) => Promise.resolve(this.base(consumer, first)),
        onFinished: () => undefined,
        onStarting: () => undefined,
        onHandedOver: () => undefined,
        onFatal: (error) => this.fatal.push(error),
      }),
    };
    this.consumers.push(consumer);
    return consumer;
  }

  /** As the stream's consumer: only the owner can commit where the group never has. */
  base(consumer: Consumer, first: number): number | undefined {
    const { window } = consumer;
    if (window.initialOffset !== undefined) return window.initialOffset;
    if (consumer !== this.owner) return undefined;
    window.chainEnd = first;
    this.commit();
    return (window.initialOffset = first);
  }

  fetch(consumer: Consumer, count: number): void {
    const offsets = this.log.slice(consumer.position, consumer.position + count);
    if (offsets.length === 0) return;
    consumer.position += offsets.length;
    const records = offsets.map((offset) =>
      kafkaRecord({ offset, timestamp: 1_000 + offset, value: Buffer.from(`{"id":"${offset}"}`) }),
    );
    // A batch may end in a marker of a transaction, which is no record.
    const end = offsets.at(-1)! + 1;
    consumer.chain.push(consumer.window.accept(records, end));
  }

  /** What comes of a start: `lost` reached the server, but its answer did not arrive. */
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

  commit(): void {
    const { watermark } = this.owner.window;
    if (watermark === undefined) return;
    this.committed = watermark;
    this.commits.push(watermark);
  }

  end(): void {
    for (const open of this.#open) open.stop();
  }
}

const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ fetch: fc.nat(9), count: fc.integer({ min: 1, max: 7 }) }),
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
  // The next owner begins while the old one works on, as after a pause longer than its session.
  { weight: 1, arbitrary: fc.constant('rebalance' as const) },
  { weight: 1, arbitrary: fc.record({ learnsOfItsLoss: fc.nat(9) }) },
  // Its starts under way may still reach the server.
  { weight: 1, arbitrary: fc.constant('crash' as const) },
  { weight: 1, arbitrary: fc.record({ rewind: fc.nat(9) }) },
);

async function run(model: Model, step: typeof command extends fc.Arbitrary<infer T> ? T : never) {
  const pick = <T>(list: T[], index: number): T | undefined => list[index % list.length];
  if (step === 'commit') model.commit();
  else if (step === 'rebalance') model.owner = model.join();
  else if (step === 'crash') {
    model.consumers.splice(model.consumers.indexOf(model.owner), 1);
    model.owner = model.join();
  } else if ('rewind' in step) {
    // To where the group stood once: all members have left for that.
    model.committed = pick(model.commits, step.rewind) ?? model.committed;
    for (const { window } of model.consumers.splice(0)) window.lost = true;
    model.owner = model.join();
  } else if ('learnsOfItsLoss' in step) {
    const consumer = pick(model.consumers, step.learnsOfItsLoss);
    if (consumer && consumer !== model.owner) consumer.window.lost = true;
  } else if ('fetch' in step) {
    const consumer = pick(model.consumers, step.fetch);
    if (consumer) model.fetch(consumer, step.count);
  } else {
    const [start] = model.pending.splice(step.answer % Math.max(model.pending.length, 1), 1);
    if (start) model.answer(start, step.how);
  }
  await settled();
}

/** A last owner gets every answer. */
async function finish(model: Model): Promise<void> {
  model.owner = model.join();
  for (let i = 0; i < 1_000; i++) {
    model.fetch(model.owner, 5);
    for (const start of model.pending.splice(0)) model.answer(start, 'answered');
    await settled();
    model.commit();
    if ((model.committed ?? 0) > model.log.at(-1)!) return;
  }
  throw new Error('the last owner did not come to an end');
}

test('every record is in exactly one chunk, whatever crashes, moves or comes again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(command, { maxLength: 60 }),
      async (gaps, maxRecords, steps) => {
        // Offsets with holes, as compaction and transactions leave them.
        let offset = 2;
        const log = gaps.map((gap) => (offset += gap));
        const model = new Model(log, maxRecords);
        try {
          for (const step of steps) await run(model, step);
          await finish(model);
          expect(model.fatal).toEqual([]);
          const chunks = [...model.server.values()];
          for (const one of log) {
            const holders = chunks.filter(({ first, last }) => first <= one && one <= last);
            expect(holders).toHaveLength(1);
          }
          // And each says rightly how many it holds.
          for (const { first, last, count } of chunks) {
            expect(log.filter((one) => first <= one && one <= last)).toHaveLength(count);
          }
        } finally {
          model.end();
        }
      },
    ),
    { numRuns: 300 },
  );
}, 120_000);
