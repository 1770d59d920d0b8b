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

test('a failure has stream, workflow, class and message, and a stack at level debug only', () => {
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

test('a failure on the reserved task queue has the name of its stream', () => {
  const fields = {
    ...{ ...activity, taskQueue: 'cloudsync-payments~reserved', activityType: 'deadLetter' },
    error: failure('Transient'),
  };
  expect(sdkLine('Activity failed', fields, false).fields).toMatchObject({ stream: 'payments' });
});

test('an attempt that our own line tells of is not told twice', () => {
  const error = failure('Transient');
  expect(told('Activity failed', { ...activity, error })).toBe(true);
  expect(told('Activity failed', { ...activity, error: failure('Permanent') })).toBe(true);
  expect(told('Workflow failed', { error: new Error('no'), letterType: 'Permanent' })).toBe(true);
});

test('a failure that nothing else tells of is told', () => {
  const own = { ...activity, workflowType: 'reserveThenConfirm' };
  expect(told('Activity failed', { ...own, error: failure('Permanent') })).toBe(false);
  expect(told('Activity failed', { ...own, activityType: 'reserve', error: 'no' })).toBe(false);
  expect(told('Workflow failed', { ...own, error: new Error('no') })).toBe(false);
  expect(told('Something else', { error: failure('Transient') })).toBe(false);
});

test('a line without an error stays as it is', () => {
  expect(sdkLine('Slow', { a: 1 }, false)).toEqual({ fields: { a: 1 }, isTold: false });
});

test('that the worker with the reserved slots has no workflows is no warning', () => {
  expect(told('No workflows registered, not polling for workflow tasks', {})).toBe(true);
});
