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

test('a dead-lettered record tells its own failure', () => {
  const details = { type: 'Permanent', message: 'no', attempts: 3 };
  const failure = ApplicationFailure.nonRetryable('Permanent: no', 'DeadLettered', details);
  expect(describeFailure(failure)).toEqual(details);
});

test.each([undefined, null, 'text', {}, { type: 'a', message: 'b' }, { type: 1, message: 2 }])(
  'DeadLettered with foreign details %j tells what the failure itself says',
  (details) => {
    const failure = ApplicationFailure.nonRetryable('given up', 'DeadLettered', details);
    expect(describeFailure(failure)).toEqual({
      type: 'DeadLettered',
      message: 'given up',
      attempts: null,
    });
  },
);

test('the cause behind a failed step is what counts', () => {
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

test('failures without a type of their own go by their kind', () => {
  const timeout = new TimeoutFailure('too slow', undefined, TimeoutType.START_TO_CLOSE);
  expect(describeFailure(activity(timeout))).toMatchObject({ type: 'Timeout' });
  expect(describeFailure(new CancelledFailure('stop'))).toMatchObject({ type: 'Cancelled' });
  expect(describeFailure(new ApplicationFailure('x', null))).toMatchObject({
    type: 'ApplicationFailure',
  });
  expect(describeFailure(undefined)).toMatchObject({ type: 'Unknown' });
});

test('statuses are spelled as queries and the UI spell them', () => {
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
