import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../src/activities/create-activities';
import type { DeadLetterWriter } from '../../src/activities/dead-letters/dead-letter-writer';
import type { InvalidRecordInput, KafkaRecord } from '../../src/domain/record/record';
import { startOfInvalidRecord, startOfRecord } from '../../src/domain/workflow/record-start';
import { noChunks } from './support/no-chunks';
import { kafkaRecord, testStream } from '../domain/support/records';

const stream = testStream();
const noEvents = {
  duplicateAtSink: () => undefined,
  attemptFailed: () => undefined,
  deadLettered: () => undefined,
  attemptSucceeded: () => undefined,
};

function activities(write: DeadLetterWriter['write'] = () => Promise.resolve()) {
  return createActivities({ stream, deadLetters: { write }, events: noEvents, chunks: noChunks });
}

function invalid(given: Partial<KafkaRecord>): InvalidRecordInput {
  const reason = { type: 'SchemaMismatch', message: 'as it was then' } as const;
  const [input] = startOfInvalidRecord(stream, kafkaRecord(given), reason).args;
  return input as InvalidRecordInput;
}

describe('deadLetter', () => {
  test('names the workflow that gives the record up', async () => {
    const write = jest.fn<Promise<void>, Parameters<DeadLetterWriter['write']>>(() =>
      Promise.resolve(),
    );
    const record = invalid({});
    const failure = { type: 'Permanent', message: 'no', attempts: 2 };
    const workflowExecution = { workflowId: 'test-42-7', runId: 'run' };
    const environment = new MockActivityEnvironment({ workflowExecution });
    await environment.run(() => activities(write).deadLetter(record, failure));
    const signal = expect.any(AbortSignal) as unknown;
    expect(write).toHaveBeenCalledWith(stream, record, failure, workflowExecution, signal);
  });

  test('an attempt that Kafka does not answer ends within its time, and tries no more', async () => {
    let aborted: AbortSignal | undefined;
    const write: DeadLetterWriter['write'] = (_stream, _record, _failure, _workflow, signal) => {
      aborted = signal;
      return new Promise(() => undefined);
    };
    const environment = new MockActivityEnvironment({ startToCloseTimeoutMs: 1_100 });
    const failure = { type: 'Permanent', message: 'no', attempts: 2 };
    await expect(
      environment.run(() => activities(write).deadLetter(invalid({}), failure)),
    ).rejects.toThrow(`${stream.deadLetterTopic} did not take the dead letter in time`);
    expect(aborted?.aborted).toBe(true);
  });
});

describe('parse', () => {
  test('a record that the stream can read by now gets the start it would have had', async () => {
    const value = Buffer.from('{"id":"42"}');
    await expect(activities().parse(invalid({ value }))).resolves.toEqual({
      ok: true,
      start: startOfRecord(stream, kafkaRecord({ value }), '42'),
    });
  });

  test('the reason of one that is still invalid is the one of today', async () => {
    await expect(
      activities().parse(invalid({ value: Buffer.from('{nope') })),
    ).resolves.toMatchObject({
      ok: false,
      reason: { type: 'InvalidJson' },
    });
  });

  test('one that travels by reference keeps its reason', async () => {
    const record = invalid({ value: Buffer.alloc(2_100_000, 'x') });
    await expect(activities().parse(record)).resolves.toEqual({ ok: false, reason: record.reason });
  });
});

describe('holder', () => {
  const { memo } = startOfRecord(stream, kafkaRecord({ offset: 7 }), '42');

  function holder(describe: () => Promise<object>) {
    const client = {
      workflow: { getHandle: () => ({ describe }) },
      withAbortSignal: (_: AbortSignal, use: () => unknown) => use(),
    } as unknown as Client;
    const environment = new MockActivityEnvironment({}, { client });
    return environment.run(() => activities().holder('test-42-7', memo));
  }

  test('is this record when the memo names its place and time', async () => {
    await expect(holder(() => Promise.resolve({ memo: { ...memo } }))).resolves.toBe('this record');
  });

  test.each([
    [{ ...memo, timestamp: memo.timestamp + 1 }],
    [{ ...memo, partition: 1 }],
    [undefined],
  ])('is another record with the memo %j', async (found) => {
    await expect(holder(() => Promise.resolve({ memo: found }))).resolves.toBe('another record');
  });

  test('is gone when the workflow is', async () => {
    const notFound = new WorkflowNotFoundError('gone', 'test-42-7', undefined);
    await expect(holder(() => Promise.reject(notFound))).resolves.toBe('gone');
  });

  test('fails when the server does not say', async () => {
    await expect(holder(() => Promise.reject(new Error('unavailable')))).rejects.toThrow(
      'unavailable',
    );
  });
});
