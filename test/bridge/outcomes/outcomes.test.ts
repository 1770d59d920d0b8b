import { parseCommitMetadata } from '../../../src/domain/commit-metadata';
import { PartitionCounters } from '../../../src/bridge/partition/partition-counters';
import { Outcomes } from '../../../src/bridge/outcomes/outcomes';
import { createMetrics } from '../../../src/telemetry/metrics';
import { counts, keepingLogger } from '../support/fakes';

const memo = { stream: 'test', messageId: '42', topic: 'topic', partition: 0, offset: 7 };
const workflow = { workflowId: 'test-42-7', runId: 'run', workflowType: 'deliverRecord', memo };

/** Creates the outcomes of a process that has started the workflows with these ids. */
function create(...started: string[]) {
  const metrics = createMetrics();
  const braking: unknown[][] = [];
  const counters = new PartitionCounters();
  counters.load(parseCommitMetadata(null));
  const outcomes = new Outcomes({
    ...{ stream: { name: 'test' }, metrics, logger: keepingLogger().logger },
    brake: {
      delivered: (count) => braking.push(['delivered', count]),
      deliverySucceeded: () => braking.push(['delivery succeeded']),
      deadLettered: (errorType) => braking.push(['dead-lettered', errorType]),
      invalid: (errorType) => braking.push(['invalid', errorType]),
    },
    running: { has: (id) => started.includes(id) },
    consumer: { countersOf: () => counters },
  });
  return {
    outcomes,
    braking,
    records: () => counts(metrics.records),
    totals: () => parseCommitMetadata(counters.toMetadata()).totals,
  };
}

test.each(['delivered', 'duplicate', 'dead_lettered'] as const)(
  'a record that ends %s here counts for the metrics, but not for the brake, if another process started it',
  async (outcome) => {
    const { outcomes, braking, records } = create();
    outcomes.workflowEnded(workflow, outcome, 'Transient');
    expect(await records()).toEqual({ [`test/${outcome}`]: 1 });
    expect(braking).toEqual([]);
  },
);

test('a record that this process started counts for the metrics, the partition counters and the brake', async () => {
  const { outcomes, braking, records, totals } = create(workflow.workflowId);
  outcomes.workflowEnded(workflow, 'delivered');
  expect(await records()).toEqual({ 'test/delivered': 1 });
  expect(totals()).toMatchObject({ delivered: 1, sink: 0 });
  expect(braking).toEqual([['delivered', 1]]);
});

test('a record is counted once when its last workflow task runs twice, and once more for a new run', async () => {
  const { outcomes, records } = create();
  outcomes.workflowEnded(workflow, 'dead_lettered', 'Permanent');
  outcomes.workflowEnded(workflow, 'dead_lettered', 'Permanent');
  outcomes.workflowEnded({ ...workflow, runId: 'replay' }, 'delivered');
  expect(await records()).toEqual({ 'test/dead_lettered': 1, 'test/delivered': 1 });
});

test('an invalid record is counted when its dead letter is written, but not when it is readable after all', async () => {
  const { outcomes, records } = create();
  const invalid = {
    ...workflow,
    workflowType: 'invalidRecord',
    memo: { ...memo, messageId: null },
  };
  outcomes.workflowEnded(invalid, 'failed');
  outcomes.workflowEnded({ ...invalid, runId: 'other' }, 'dead_lettered', 'InvalidJson');
  expect(await records()).toEqual({ 'test/invalid': 1 });
});

test.each([
  ['a chunk', { ...workflow, workflowType: 'deliverChunk', memo: { ...memo, messageId: null } }],
  [
    'a brake',
    { ...workflow, workflowType: 'brakeStream', memo: { stream: 'test', deadLetters: 60 } },
  ],
  ['what a workflow of a user has started', { ...workflow, workflowType: 'charge', memo: {} }],
])('%s is not counted as a record', async (_, other) => {
  const { outcomes, records } = create();
  outcomes.workflowEnded(other, 'delivered');
  expect(await records()).toEqual({});
});

test('records of a chunk count for the metrics, the partition counters and the brake', async () => {
  const { outcomes, braking, records, totals } = create();
  const record = { ...memo, messageId: '42' };
  outcomes.ofChunks.delivered(0, 3);
  outcomes.ofChunks.duplicate(record, 'recent');
  outcomes.ofChunks.duplicate(record, 'sink');
  outcomes.ofChunks.filtered(0, 2);
  outcomes.ofChunks.attemptSucceeded(record, 0.5);
  expect(await records()).toEqual({ 'test/delivered': 3, 'test/duplicate': 2, 'test/filtered': 2 });
  expect(totals()).toMatchObject({ delivered: 3, recent: 1, sink: 1, filtered: 2 });
  expect(totals()).toMatchObject({ deliveries: 1, deliveryMicros: 500_000 });
  // A duplicate that only the sink recognizes is a delivery for the brake, as in the record lane.
  expect(braking).toEqual([['delivered', 3], ['delivered', 1], ['delivery succeeded']]);
});

test('a record without a workflow counts for the metrics at once, and for the counters when it is committed', async () => {
  const { outcomes, records, totals, braking } = create();
  outcomes.duplicate({ ...memo, messageId: '42' }, 'workflow-id');
  outcomes.filtered();
  expect(await records()).toEqual({ 'test/duplicate': 1, 'test/filtered': 1 });
  expect(totals()).toMatchObject({ workflowId: 0, filtered: 0 });
  expect(braking).toEqual([]);
});

test.each([
  ['deliverRecord', 'dead_lettered', 'Permanent', [['dead-lettered', 'Permanent']]],
  ['invalidRecord', 'dead_lettered', 'InvalidJson', [['invalid', 'InvalidJson']]],
  ['deliverChunk', 'delivered', undefined, []],
  ['deliverRecord', 'failed', undefined, []],
] as const)(
  'a workflow %s of this process that ends %s with error %s is reported to the brake as %j',
  (workflowType, outcome, letterType, expected) => {
    const { outcomes, braking } = create(workflow.workflowId);
    outcomes.workflowEnded({ ...workflow, workflowType }, outcome, letterType);
    expect(braking).toEqual(expected);
  },
);
