import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { DeliverResult } from '../../../src/domain/workflow/record-activities';
import { createActivities } from '../../../src/activities/create-activities';
import { DeliveryError } from '../../../src/domain/errors';
import {
  encodeContent,
  type KafkaRecord,
  type RecordInput,
} from '../../../src/domain/record/record';
import type {
  DeliverFunction,
  Sink,
  SinkRecord,
  WriteContext,
} from '../../../src/domain/stream/sink';
import { noChunks } from '../support/no-chunks';
import { kafkaRecord, testStream } from '../../domain/support/records';

type Info = ConstructorParameters<typeof MockActivityEnvironment>[0];

function input(given: Partial<KafkaRecord> = {}): RecordInput {
  const record = kafkaRecord(given);
  const { topic, partition, offset, timestamp } = record;
  return {
    ...{ stream: 'test', messageId: '42', topic, partition, offset, timestamp },
    content: encodeContent(record),
  };
}

/** Begins one attempt of the activity. `events` has what it reports to the bridge, `heartbeats` its heartbeats. */
function begin(
  sink: Sink<{ id: string }> | DeliverFunction<{ id: string }>,
  info: Info = {},
  record = input(),
  earlierAttempts = 0,
  options: Parameters<typeof testStream>[0] = {},
) {
  const events: unknown[][] = [];
  const heartbeats: unknown[] = [];
  const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  environment.on('heartbeat', (details) => heartbeats.push(details));
  const activities = createActivities({
    stream: testStream({ ...options, sink }),
    deadLetters: { write: () => Promise.reject(new Error('not a matter of this activity')) },
    chunks: noChunks,
    events: {
      duplicateAtSink: ({ messageId }) => events.push(['duplicate', messageId]),
      deadLettered: () => undefined,
      attemptFailed: ({ messageId }, type, message) => events.push([messageId, type, message]),
      attemptSucceeded: ({ messageId }, seconds) => events.push([messageId, typeof seconds]),
    },
  });
  const result: Promise<DeliverResult> = environment.run(() =>
    activities.deliver(record, earlierAttempts),
  );
  result.catch(() => undefined);
  return { result, events, heartbeats, environment };
}

async function failureOf(result: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApplicationFailure);
  return error as ApplicationFailure;
}

// eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- sinks throw anything
const failing = (error: unknown) => () => Promise.reject(error);

describe('a delivery', () => {
  test('gives the record to the sink with its own bytes', async () => {
    let seen: SinkRecord | undefined;
    const value = Buffer.from('{"id": "42", "unnamed": 1.0}');
    const headers: KafkaRecord['headers'] = [['h', Buffer.from([0xff])]];
    const record = input({ key: Buffer.from('k'), value, headers });
    const info = { workflowExecution: { workflowId: 'test-42-7', runId: 'run' } };
    const { result, events } = begin(
      (one) => {
        seen = one;
        return Promise.resolve({ outcome: 'written', location: '/somewhere/42' });
      },
      info,
      record,
    );
    await expect(result).resolves.toEqual({
      outcome: 'delivered',
      attempts: 1,
      location: '/somewhere/42',
    });
    expect(seen).toMatchObject({
      ...{ topic: 'topic', partition: 0, offset: 7, timestamp: 1_700_000_000_123 },
      ...{ stream: 'test', messageId: '42', workflowId: 'test-42-7' },
      ...{ key: Buffer.from('k'), value, headers },
      message: { id: '42' },
    });
    expect(events).toEqual([['42', 'number']]);
  });

  test('counts the attempts of earlier stages too', async () => {
    const { result } = begin(() => Promise.resolve(), { attempt: 2 }, input(), 3);
    await expect(result).resolves.toEqual({ outcome: 'delivered', attempts: 5 });
  });

  test('tells the sink the number of the attempt', async () => {
    let context: WriteContext | undefined;
    const { result } = begin(
      (_, given) => {
        context = given;
        return Promise.resolve();
      },
      { attempt: 4 },
    );
    await result;
    expect(context).toMatchObject({ attempt: 4, signal: { aborted: false } });
  });
});

test.each([
  ['', {}],
  [
    ' with an asynchronous decode',
    { decode: (value: Buffer) => Promise.resolve(JSON.parse(String(value))) },
  ],
])(
  'a record whose workflow began before the filter that refuses it is delivered%s',
  async (_, options) => {
    let message: unknown;
    const sink = (record: SinkRecord) => {
      message = record.message;
      return Promise.resolve();
    };
    const filters = { ...options, accept: () => false, filter: () => false };
    await expect(begin(sink, {}, input(), 0, filters).result).resolves.toMatchObject({
      outcome: 'delivered',
    });
    expect(message).toEqual({ id: '42' });
  },
);

describe('a duplicate at the sink', () => {
  const duplicate = () => Promise.resolve({ outcome: 'duplicate' as const });

  test('is a duplicate of another record if this is the first attempt', async () => {
    const { result, events } = begin(duplicate);
    await expect(result).resolves.toEqual({ outcome: 'duplicate', attempts: 1 });
    expect(events).toContainEqual(['duplicate', '42']);
  });

  test.each([
    ['a retry of this activity', { attempt: 2 }, 0],
    ['an attempt of an earlier stage', { attempt: 1 }, 3],
  ])("is the record's own write if it comes after %s", async (_, info, earlier) => {
    const { result, events } = begin(duplicate, info, input(), earlier);
    await expect(result).resolves.toMatchObject({ outcome: 'delivered' });
    expect(events).not.toContainEqual(['duplicate', '42']);
  });

  test.each([
    ['this record', { topic: 'topic', partition: 0, offset: 7 }, 'delivered'],
    ['another offset', { topic: 'topic', partition: 0, offset: 8 }, 'duplicate'],
    ['another partition', { topic: 'topic', partition: 1, offset: 7 }, 'duplicate'],
    ['another topic', { topic: 'other', partition: 0, offset: 7 }, 'duplicate'],
  ])(
    'is judged by the record that wrote it if the sink names that record: %s',
    async (_, writtenBy, outcome) => {
      const sink = () => Promise.resolve({ outcome: 'duplicate' as const, writtenBy });
      for (const attempt of [1, 2]) {
        await expect(begin(sink, { attempt }).result).resolves.toMatchObject({ outcome });
      }
    },
  );
});

describe('a failure', () => {
  test.each([
    ['Transient', false],
    ['Throttled', false],
    ['Permanent', true],
    ['ContentConflict', true],
  ] as const)('of type %s has nonRetryable set to %s', async (type, nonRetryable) => {
    const { result, events } = begin(failing(new DeliveryError(type, 'no')), { attempt: 2 });
    const failure = await failureOf(result);
    expect(failure).toMatchObject({ type, nonRetryable, message: 'no', details: [{ attempt: 2 }] });
    expect(failure.nextRetryDelay).toBeUndefined();
    expect(events).toEqual(nonRetryable ? [] : [['42', type, 'no']]);
  });

  test('has the type and message that the sink gives it', async () => {
    const sink: Sink = {
      write: failing(new Error('403')),
      classify: () => ({ type: 'Permanent', message: 'no rights' }),
    };
    expect(await failureOf(begin(sink).result)).toMatchObject({
      type: 'Permanent',
      message: 'no rights',
      nonRetryable: true,
    });
  });

  test.each<[string, unknown, string?]>([
    ['an error', new Error('down')],
    ['a string', 'down'],
    ['an object', { message: 'down' }],
    ['nothing', undefined, 'undefined'],
  ])('is transient if its type is unknown: %s', async (_, thrown, message = 'down') => {
    expect(await failureOf(begin(failing(thrown)).result)).toMatchObject({
      type: 'Transient',
      message,
      nonRetryable: false,
    });
  });

  test('has its type even if the sink throws before it returns a promise', async () => {
    const { result } = begin({
      write: () => {
        throw new DeliveryError('Permanent', 'at once');
      },
    });
    expect(await failureOf(result)).toMatchObject({ type: 'Permanent', message: 'at once' });
  });

  test('passes the pause that it asks for to Temporal and to the workflow', async () => {
    const error = new DeliveryError('Throttled', 'slow down', { retryAfterMs: 1_500 });
    expect(await failureOf(begin(failing(error)).result)).toMatchObject({
      nextRetryDelay: 1_500,
      details: [{ attempt: 1, retryAfterMs: 1_500 }],
    });
  });

  test.each([Number.NaN, -1, 0, Number.POSITIVE_INFINITY])(
    'leaves the pause to the retry policy if it asks for %p',
    async (retryAfterMs) => {
      const error = new DeliveryError('Throttled', 'slow down', { retryAfterMs });
      const failure = await failureOf(begin(failing(error)).result);
      expect(failure.nextRetryDelay).toBeUndefined();
      expect(failure.details).toEqual([{ attempt: 1 }]);
    },
  );

  test('has a bounded and well-formed message, which Temporal accepts', async () => {
    const { message } = await failureOf(begin(failing(new Error('é\ud800'.repeat(1e6)))).result);
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(2_000);
    expect(message.isWellFormed()).toBe(true);
    expect(message).toMatch(/^é/);
  });

  test('is permanent if the record has no value', async () => {
    const { result } = begin(() => Promise.resolve(), {}, input({ value: null }));
    expect(await failureOf(result)).toMatchObject({ type: 'Permanent', nonRetryable: true });
  });

  test('is permanent if the message no longer fits the schema and the sink reads the message', async () => {
    const record = input({ value: Buffer.from('{"id":7}') });
    const reading = begin(({ message }) => Promise.resolve(void message.id), {}, record);
    expect(await failureOf(reading.result)).toMatchObject({ type: 'Permanent' });
    const bytes = begin(({ value }) => Promise.resolve(void value), {}, record);
    await expect(bytes.result).resolves.toMatchObject({ outcome: 'delivered' });
  });
});

describe('the time limit of an attempt', () => {
  test('ends the attempt before the activity times out, even if the sink ignores the signal', async () => {
    let signal: AbortSignal | undefined;
    const { result, events } = begin(
      (_, context) => {
        signal = context.signal;
        return new Promise(() => undefined);
      },
      { startToCloseTimeoutMs: 300 },
    );
    expect(await failureOf(result)).toMatchObject({
      type: 'Transient',
      nonRetryable: false,
      message: 'the sink did not answer within 50 ms',
      details: [{ attempt: 1 }],
    });
    expect(signal!.aborted).toBe(true);
    expect(events).toHaveLength(1);
  });

  test('makes a later failure of the sink harmless', async () => {
    let fail: (error: Error) => void = () => undefined;
    const { result } = begin(() => new Promise((_, reject) => (fail = reject)), {
      startToCloseTimeoutMs: 260,
    });
    await failureOf(result);
    fail(new Error('too late')); // an unhandled rejection would fail the test run
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('heartbeats', () => {
  beforeEach(() =>
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'performance'] }),
  );
  afterEach(() => jest.useRealTimers());

  test('are sent while a regular attempt runs, and then end', async () => {
    let finish: () => void = () => undefined;
    const { result, heartbeats } = begin(() => new Promise((resolve) => (finish = resolve)), {
      attempt: 3,
      startToCloseTimeoutMs: 30_000,
    });
    await jest.advanceTimersByTimeAsync(0);
    expect(heartbeats).toEqual([{ attempt: 3 }]);
    await jest.advanceTimersByTimeAsync(9_000);
    expect(heartbeats).toHaveLength(4);
    finish();
    await result;
    await jest.advanceTimersByTimeAsync(9_000);
    expect(heartbeats).toHaveLength(4);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('are not sent by a local attempt, because the server does not look at them', async () => {
    let finish: () => void = () => undefined;
    const { result, heartbeats } = begin(() => new Promise((resolve) => (finish = resolve)), {
      isLocal: true,
      startToCloseTimeoutMs: 30_000,
    });
    await jest.advanceTimersByTimeAsync(9_000);
    finish();
    await result;
    expect(heartbeats).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('when the worker shuts down', () => {
  /** Begins an attempt with this sink, and then shuts the worker down. */
  function shuttingDown(write: Sink['write']) {
    const begun = begin({ write });
    setImmediate(() => begun.environment.cancel('WORKER_SHUTDOWN'));
    return begun;
  }
  /** A sink that fails with the error as soon as its signal aborts. */
  const givingUp =
    (error: Error): Sink['write'] =>
    (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(error)));

  test('an attempt is cancelled even if the sink ignores the signal', async () => {
    const { result, events } = shuttingDown(() => new Promise(() => undefined));
    await expect(result).rejects.toBeInstanceOf(CancelledFailure);
    expect(events).toEqual([]);
  });

  test('an attempt is cancelled, and not failed, if the sink gives up with an error of its own', async () => {
    const { result, events } = shuttingDown(givingUp(new Error('aborted')));
    await expect(result).rejects.toBeInstanceOf(CancelledFailure);
    expect(events).toEqual([]);
  });

  test('an attempt still fails for good if the sink says that the record can never be delivered', async () => {
    const { result } = shuttingDown(givingUp(new DeliveryError('Permanent', 'no')));
    expect(await failureOf(result)).toMatchObject({ type: 'Permanent', nonRetryable: true });
  });
});
