import fc from 'fast-check';
import { RecordLane } from '../../../src/bridge/record-lane/record-lane';
import { RecentLayer } from '../../../src/dedupe/recent-layer';
import { InMemoryIdempotencyService } from '../../../src/dedupe/in-memory-idempotency-service';
import type { RecordInput, RecordMemo } from '../../../src/domain/record/record';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { ClusterModel, memberSteps, pick, type Bridge } from '../support/cluster-model';
import { settled } from '../support/fakes';

interface RecordStart {
  workflowId: string;
  memo: RecordMemo;
  args: [RecordInput];
}

interface RecordRun {
  workflowId: string;
  memo: RecordMemo;
  offset: number;
  after: string | undefined;
  /** The process that started the workflow. */
  bridge: Bridge;
  ended: boolean;
}

/** Bridge workers in the record lane, with records of some keys. */
class Model extends ClusterModel<RecordStart, RecordRun> {
  /** The offsets of first deliveries, in their order. */
  readonly delivered: number[] = [];
  readonly overtaken: string[] = [];

  /** `keys` has the key of each record, from offset 0 on. A long `idSuffix` fills the metadata of commits. */
  constructor(
    readonly keys: string[],
    private readonly ordering: 'key' | 'partition',
    idSuffix: string,
  ) {
    super({
      stream: testStream({ ordering, maxInFlight: 6, maxOpen: 20 }),
      limits: { records: 30, bytes: 1e9 },
      log: keys.map((key, offset) =>
        kafkaRecord({
          offset,
          timestamp: 1_000 + offset,
          key: Buffer.from(key),
          value: Buffer.from(JSON.stringify({ id: `${offset}${idSuffix}` })),
        }),
      ),
      runOf: ({ workflowId, memo, bridge, args: [{ offset, after }] }) => ({
        ...{ workflowId, memo, bridge, offset, after },
        ended: false,
      }),
      bridge: (parts, common) => {
        const idempotency = new InMemoryIdempotencyService({ maxEntries: 1_000 });
        const recent = new RecentLayer(idempotency, 30_000);
        const lane = new RecordLane({ ...common, recent, decodeFailures: new Map() });
        return { ...parts, lane, idempotency };
      },
    });
  }

  /** Lets a run go on: its first task is over, or it ends. A run that has to wait for its predecessor does not end. */
  progress(run: RecordRun, how: 'slow' | 'end'): void {
    if (run.ended) return;
    const before = run.after === undefined ? undefined : this.runs.get(run.after);
    const waits = before !== undefined && before !== run && !before.ended;
    if (how === 'slow' || waits) {
      run.bridge.running.firstTaskOver(run.workflowId);
      return;
    }
    const missing = [...this.keys.keys()].filter(
      (offset) => offset < run.offset && this.#ordered(offset, run.offset),
    );
    for (const offset of missing) {
      if (!this.delivered.includes(offset)) this.overtaken.push(`${run.offset} before ${offset}`);
    }
    run.ended = true;
    this.delivered.push(run.offset);
    run.bridge.running.ended(run.workflowId, 'delivered');
  }

  #ordered(a: number, b: number): boolean {
    return this.ordering === 'partition' || this.keys[a] === this.keys[b];
  }

  /** Does what the bridges' timers would do: they look up workflows whose end was not reported to them. */
  async ask(): Promise<void> {
    for (const { running } of this.all) {
      for (const run of this.runs.values()) {
        if (run.ended) running.ended(run.workflowId, 'delivered');
      }
    }
    await settled();
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
  { weight: 2, arbitrary: fc.constant('ask' as const) },
  ...memberSteps({ commit: 4, rejoin: 1 }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

async function run(model: Model, step: Command): Promise<void> {
  if (step === 'ask') await model.ask();
  else if (typeof step === 'object' && 'progress' in step) {
    const one = pick([...model.runs.values()], step.progress);
    if (one) model.progress(one, step.how);
  } else await model.step(step);
  await settled();
}

/** Adds a last owner, which gets every answer, and ends every workflow. */
async function finish(model: Model): Promise<void> {
  const { group } = model;
  await model.add();
  for (let i = 0; i < 400; i++) {
    await model.owner.member.fetch(5);
    model.answerAll();
    await settled();
    for (const one of model.runs.values()) model.progress(one, 'end');
    await model.ask();
    await model.owner.consumer.commit();
    if (group.committed?.offset === model.keys.length) return;
  }
  throw new Error(`the last owner did not come to an end: ${JSON.stringify(group.committed)}`);
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
      { numRuns: 300 },
    );
  },
  120_000,
);
