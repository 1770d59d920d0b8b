import fc from 'fast-check';
import { ChunkLane } from '../../../src/bridge/chunk-lane/chunk-lane';
import { ChunkMemory } from '../../../src/bridge/chunk-lane/chunk-memory';
import type { ChunkMemo } from '../../../src/domain/workflow/chunk';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { ClusterModel, memberSteps, pick } from '../support/cluster-model';
import { settled } from '../support/fakes';

const stream = testStream({ execution: { lane: 'chunk' } });

interface ChunkStart {
  workflowId: string;
  memo: ChunkMemo;
}

interface ChunkRun {
  memo: ChunkMemo;
  ended: false;
}

/** Bridge workers in the chunk lane, whose chunks all succeed. */
class Model extends ClusterModel<ChunkStart, ChunkRun> {
  constructor(offsets: number[], maxRecords: number) {
    super({
      stream,
      limits: { records: 4 * maxRecords, bytes: 1e9 },
      log: offsets.map((offset) =>
        kafkaRecord({
          offset,
          timestamp: 1_000 + offset,
          value: Buffer.from(`{"id":"${offset}"}`),
        }),
      ),
      runOf: ({ memo }) => ({ memo, ended: false }),
      bridge: (parts, common) => ({
        ...parts,
        lane: new ChunkLane({
          ...common,
          limits: { maxRecords, maxBytes: 1e9, lingerMs: 0 },
          remembered: new ChunkMemory(),
          startOwnWorkflow: () => Promise.reject(new Error('no chunk is refused here')),
        }),
      }),
    });
  }

  /** Lets all bridges go on, and ends all chunks that were started. */
  async goOn(): Promise<void> {
    await settled();
    for (const { running } of this.all) {
      for (const id of this.runs.keys()) running.ended(id, 'delivered');
    }
    await settled();
  }

  /** Rewinds the group to an earlier commit. All members have left the group for that. */
  async rewind(index: number): Promise<void> {
    for (const { member } of this.bridges.splice(0)) {
      await member.join({ partitions: [] });
      await this.goOn();
    }
    this.group.committed = pick(this.group.commits, index) ?? this.group.committed;
    await this.add();
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
  ...memberSteps({ commit: 3, rejoin: 2 }),
  { weight: 1, arbitrary: fc.record({ rewind: fc.nat(9) }) },
);

type Step = typeof command extends fc.Arbitrary<infer T> ? T : never;

async function run(model: Model, step: Step): Promise<void> {
  if (typeof step === 'object' && 'rewind' in step) await model.rewind(step.rewind);
  else await model.step(step);
  await model.goOn();
}

/** Adds a last owner, which gets every answer, until it has committed the end of the log. */
async function finish(model: Model): Promise<void> {
  const { group } = model;
  await model.add();
  await model.goOn();
  for (let i = 0; i < 1_000; i++) {
    await model.owner.member.fetch(5, 2);
    model.answerAll();
    await model.goOn();
    await model.owner.consumer.commit();
    if ((group.committed?.offset ?? 0) > group.log.at(-1)!.offset) return;
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
          const chunks = [...model.runs.values()].map(({ memo }) => memo);
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
