import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  RetryState,
  ServerFailure,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import { activityFailure } from '../../src/workflows/failure';

/** The failure of a regular activity, or a timeout of any activity. */
function regular(cause: Error): ActivityFailure {
  const state = RetryState.MAXIMUM_ATTEMPTS_REACHED;
  return new ActivityFailure('Activity task failed', 'deliver', '1', state, 'worker', cause);
}

const application = ApplicationFailure.create({
  type: 'Throttled',
  message: 'slow down',
  details: [{ attempt: 3, retryAfterMs: 500 }],
});

describe('activityFailure', () => {
  test.each([
    ['a local activity', application],
    ['a regular activity', regular(application)],
  ])('returns type, message, attempts and pause of %s', (_, error) => {
    expect(activityFailure(error)).toEqual({
      type: 'Throttled',
      message: 'slow down',
      attempts: 3,
      retryable: true,
      retryAfterMs: 500,
    });
  });

  test('is not retryable if the activity says so', () => {
    const permanent = ApplicationFailure.nonRetryable('no', 'Permanent', { attempt: 1 });
    expect(activityFailure(regular(permanent))).toMatchObject({
      type: 'Permanent',
      retryable: false,
    });
  });

  test.each([[undefined], [[]], [[null]], [['text']], [[{ other: 1 }]]])(
    'counts one attempt with the details %j',
    (details) => {
      const failure = ApplicationFailure.create({ message: 'no', ...(details && { details }) });
      expect(activityFailure(failure)).toEqual({
        type: 'Transient',
        message: 'no',
        attempts: 1,
        retryable: true,
      });
    },
  );

  test('reads the attempt of a timeout from the last heartbeat', () => {
    const timeout = (details: unknown) =>
      new TimeoutFailure('activity Heartbeat timeout', details, TimeoutType.HEARTBEAT);
    expect(activityFailure(regular(timeout({ attempt: 7 })))).toEqual({
      type: 'Timeout',
      message: 'activity Heartbeat timeout',
      attempts: 7,
      retryable: true,
    });
    expect(activityFailure(regular(timeout(undefined)))).toMatchObject({ attempts: 1 });
  });

  test('uses the name of another failure of Temporal as the type', () => {
    expect(activityFailure(regular(new ServerFailure('lost', false)))).toEqual({
      type: 'ServerFailure',
      message: 'lost',
      attempts: 1,
      retryable: true,
    });
  });

  test('throws an error that is no failure of an attempt', () => {
    const cancelled = regular(new CancelledFailure('cancelled'));
    expect(() => activityFailure(cancelled)).toThrow(cancelled);
    const bug = new TypeError('a bug in the workflow');
    expect(() => activityFailure(bug)).toThrow(bug);
  });
});
