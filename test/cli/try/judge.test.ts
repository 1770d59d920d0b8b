import { faultsOf, seenMessage } from '../../../src/cli/try/judge';
import type { StreamTrace } from '../../../src/operations/trace/trace-stream';
import { TRIED_PAYMENTS } from '../../../src/reference/try/tried-payments';

const place = { topic: 't', partition: 0, offset: 2 };
const nothing: StreamTrace = {
  ...{ name: 't', verdict: 'unknown', records: [], runs: [], sinkObject: null },
  ...{ deadLetters: [], notLookedAt: [] },
};
const object = { location: 'folder/p-1.json', bytes: 2 };
const run = { workflowId: 't-p-1-0', runId: 'r', outcome: 'delivered', attempts: 3 };
const none = { recent: 0, workflowId: 0, sink: 0 };

function seen(trace: object, duplicates: object = {}) {
  const of = { ...nothing, ...trace };
  return seenMessage(place, 'p-1', of, { duplicates: { ...none, ...duplicates } });
}

test('a record with a workflow of its own is told by that', () => {
  const found = seen({ verdict: 'delivered', runs: [run], sinkObject: object }, { recent: 1 });
  expect(found).toMatchObject({
    ...{ outcome: 'delivered', attempts: 3, layer: null, location: 'folder/p-1.json' },
    ...{ workflowId: 't-p-1-0', runId: 'r', offset: 2 },
  });
});

test('a record without a workflow is a duplicate if the sink holds the message and one was counted', () => {
  const skipped = { verdict: 'delivered', sinkObject: object };
  expect(seen(skipped, { recent: 1 })).toMatchObject({ outcome: 'duplicate', layer: 'recent' });
  expect(seen(skipped, { workflowId: 1 })).toMatchObject({ layer: 'workflow-id' });
  expect(seen(skipped)).toMatchObject({ outcome: 'delivered', layer: null });
  expect(seen({}, { recent: 1 })).toMatchObject({ outcome: 'unknown', layer: null });
  expect(seen({ ...skipped, deadLetters: [{}] }, { recent: 1 })).toMatchObject({ layer: null });
});

test('a record whose workflow met the message at the sink is a duplicate of that layer', () => {
  const late = { verdict: 'delivered', runs: [{ ...run, outcome: 'duplicate' }] };
  expect(seen(late, { sink: 1 })).toMatchObject({ outcome: 'duplicate', layer: 'sink' });
});

const asTheyMust = TRIED_PAYMENTS.map(({ outcome, attempts }) => ({ outcome, attempts }));
const settled = { lag: 0, running: 0 };
const whole = { missing: 0, double: 0 };

test('nothing is at fault if each message came out as it must', () => {
  expect(faultsOf(asTheyMust, settled, whole)).toEqual([]);
});

test('each message that came out otherwise is a fault that says what must be and what is', () => {
  const other = asTheyMust.map((one, index) => (index === 1 ? { ...one, attempts: 4 } : one));
  other[2] = { outcome: 'delivered', attempts: 1 };
  expect(faultsOf(other, settled, whole)).toEqual([
    'p-2 must be delivered at attempt 3, and is delivered at attempt 4',
    'p-1 again must be duplicate, and is delivered at attempt 1',
  ]);
  expect(faultsOf(asTheyMust.slice(0, 4), settled, whole)).toEqual([
    'p-4 must be dead-lettered at attempt 1, and is not sent',
  ]);
});

test.each([
  [{ lag: 2 }, {}, '2 records are not committed'],
  [{ running: 1 }, {}, '1 workflows are open'],
  [{}, { missing: 1 }, '1 messages are missing at the sink'],
  [{}, { double: 1 }, '1 messages are at the sink twice'],
])('%j, %j is a fault of the stream', (status, report, fault) => {
  expect(faultsOf(asTheyMust, { ...settled, ...status }, { ...whole, ...report })).toEqual([fault]);
});
