import { ApplicationFailure } from '@temporalio/common';
import { sdkLine } from '../../src/temporal/sdk-log';

const activity = {
  taskQueue: 'cloudsync-payments',
  workflowId: 'payments-p-3-7',
  workflowType: 'deliverRecord',
  activityType: 'deliver',
  attempt: 2,
};
const failure = (type: string) => ApplicationFailure.create({ type, message: 'no' });
const told = (message: string, fields: Record<string, unknown>) =>
  sdkLine(message, fields, false).isTold;

test('a failure is logged with stream, workflow, class and message, and with a stack only at level debug', () => {
  const error = failure('Transient');
  const fields = { ...activity, activityType: 'deadLetter', error, namespace: 'default' };
  expect(sdkLine('Activity failed', fields, false)).toEqual({
    fields: {
      stream: 'payments',
      workflowId: 'payments-p-3-7',
      workflowType: 'deliverRecord',
      activity: 'deadLetter',
      errorType: 'Transient',
      error: 'no',
      attempt: 2,
    },
    isTold: false,
  });
  expect(sdkLine('Activity failed', fields, true).fields).toBe(fields);
});

test('a failure on the reserved task queue is logged with the name of its stream', () => {
  const fields = {
    ...{ ...activity, taskQueue: 'cloudsync-payments~reserved', activityType: 'deadLetter' },
    error: failure('Transient'),
  };
  expect(sdkLine('Activity failed', fields, false).fields).toMatchObject({ stream: 'payments' });
});

test('an attempt that CloudSync logs itself is not logged twice', () => {
  const error = failure('Transient');
  expect(told('Activity failed', { ...activity, error })).toBe(true);
  expect(told('Activity failed', { ...activity, error: failure('Permanent') })).toBe(true);
  expect(told('Workflow failed', { error: new Error('no'), letterType: 'Permanent' })).toBe(true);
});

test('a failure that CloudSync does not log itself is logged', () => {
  const own = { ...activity, workflowType: 'reserveThenConfirm' };
  expect(told('Activity failed', { ...own, error: failure('Permanent') })).toBe(false);
  expect(told('Activity failed', { ...own, activityType: 'reserve', error: 'no' })).toBe(false);
  expect(told('Workflow failed', { ...own, error: new Error('no') })).toBe(false);
  expect(told('Something else', { error: failure('Transient') })).toBe(false);
});

test('a line without an error is unchanged', () => {
  expect(sdkLine('Slow', { a: 1 }, false)).toEqual({ fields: { a: 1 }, isTold: false });
});

test('there is no warning that the worker with the reserved slots has no workflows', () => {
  expect(told('No workflows registered, not polling for workflow tasks', {})).toBe(true);
});
