import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import { describeFailure } from '../../../src/operations/runs/failed-entry';
import { statusName } from '../../../src/operations/runs/failed-runs';

const activity = (cause: Error) =>
  new ActivityFailure('Activity task failed', 'deliver', '1', RetryState.TIMEOUT, 'worker', cause);

test('describeFailure returns the failure of a dead-lettered record', () => {
  const details = { type: 'Permanent', message: 'no', attempts: 3 };
  const failure = ApplicationFailure.nonRetryable('Permanent: no', 'DeadLettered', details);
  expect(describeFailure(failure)).toEqual(details);
});

test.each([undefined, null, 'text', {}, { type: 'a', message: 'b' }, { type: 1, message: 2 }])(
  "describeFailure returns the failure's own type and message if DeadLettered has the foreign details %j",
  (details) => {
    const failure = ApplicationFailure.nonRetryable('given up', 'DeadLettered', details);
    expect(describeFailure(failure)).toEqual({
      type: 'DeadLettered',
      message: 'given up',
      attempts: null,
    });
  },
);

test('describeFailure returns the cause of a failed step', () => {
  const cause = ApplicationFailure.nonRetryable('quota used up', 'Quota');
  const child = new ChildWorkflowFailure(
    'default',
    { workflowId: 'w', runId: 'r' },
    'child',
    RetryState.MAXIMUM_ATTEMPTS_REACHED,
    activity(cause),
  );
  expect(describeFailure(child)).toEqual({
    type: 'Quota',
    message: 'quota used up',
    attempts: null,
  });
});

test('describeFailure uses the kind of a failure that has no type', () => {
  const timeout = new TimeoutFailure('too slow', undefined, TimeoutType.START_TO_CLOSE);
  expect(describeFailure(activity(timeout))).toMatchObject({ type: 'Timeout' });
  expect(describeFailure(new CancelledFailure('stop'))).toMatchObject({ type: 'Cancelled' });
  expect(describeFailure(new ApplicationFailure('x', null))).toMatchObject({
    type: 'ApplicationFailure',
  });
  expect(describeFailure(undefined)).toMatchObject({ type: 'Unknown' });
});

test('statusName spells a status as queries and the UI do', () => {
  const names = ['RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'CONTINUED_AS_NEW'];
  expect([...names, 'TIMED_OUT'].map(statusName)).toEqual([
    'Running',
    'Completed',
    'Failed',
    'Canceled',
    'Terminated',
    'ContinuedAsNew',
    'TimedOut',
  ]);
});
