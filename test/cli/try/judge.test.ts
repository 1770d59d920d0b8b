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

test('seenMessage takes outcome and attempts from a workflow, if the record has one of its own', () => {
  const found = seen({ verdict: 'delivered', runs: [run], sinkObject: object }, { recent: 1 });
  expect(found).toMatchObject({
    ...{ outcome: 'delivered', attempts: 3, layer: null, location: 'folder/p-1.json' },
    ...{ workflowId: 't-p-1-0', runId: 'r', offset: 2 },
  });
});

test('seenMessage calls a record without a workflow a duplicate if the sink holds the message and a duplicate was counted', () => {
  const skipped = { verdict: 'delivered', sinkObject: object };
  expect(seen(skipped, { recent: 1 })).toMatchObject({ outcome: 'duplicate', layer: 'recent' });
  expect(seen(skipped, { workflowId: 1 })).toMatchObject({ layer: 'workflow-id' });
  expect(seen(skipped)).toMatchObject({ outcome: 'delivered', layer: null });
  expect(seen({}, { recent: 1 })).toMatchObject({ outcome: 'unknown', layer: null });
  expect(seen({ ...skipped, deadLetters: [{}] }, { recent: 1 })).toMatchObject({ layer: null });
});

test('seenMessage calls a record a duplicate of layer sink if its workflow met the message at the sink', () => {
  const late = { verdict: 'delivered', runs: [{ ...run, outcome: 'duplicate' }] };
  expect(seen(late, { sink: 1 })).toMatchObject({ outcome: 'duplicate', layer: 'sink' });
});

const asTheyMust = TRIED_PAYMENTS.map(({ outcome, attempts }) => ({ outcome, attempts }));
const settled = { lag: 0, running: 0 };
const whole = { missing: 0, double: 0 };

test('faultsOf finds nothing if each message came out as it must', () => {
  expect(faultsOf(asTheyMust, settled, whole)).toEqual([]);
});

test('faultsOf says what must be and what is if a message came out otherwise', () => {
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
])('faultsOf finds a fault if the stream has %j, %j', (status, report, fault) => {
  expect(faultsOf(asTheyMust, { ...settled, ...status }, { ...whole, ...report })).toEqual([fault]);
});
