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
  test('tells the writer which workflow gives up the record', async () => {
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

  test('fails within its time and aborts the write if Kafka does not answer', async () => {
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
  test('gives a record that the stream can read by now the start that it would have had', async () => {
    const value = Buffer.from('{"id":"42"}');
    await expect(activities().parse(invalid({ value }))).resolves.toEqual({
      ok: true,
      start: startOfRecord(stream, kafkaRecord({ value }), '42'),
    });
  });

  test('gives the reason of today if the record is still invalid', async () => {
    await expect(
      activities().parse(invalid({ value: Buffer.from('{nope') })),
    ).resolves.toMatchObject({
      ok: false,
      reason: { type: 'InvalidJson' },
    });
  });

  test('keeps the reason of a record that travels by reference', async () => {
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

  test('is this record if the memo names its position and timestamp', async () => {
    await expect(holder(() => Promise.resolve({ memo: { ...memo } }))).resolves.toBe('this record');
  });

  test.each([
    [{ ...memo, timestamp: memo.timestamp + 1 }],
    [{ ...memo, partition: 1 }],
    [undefined],
  ])('is another record if the memo is %j', async (found) => {
    await expect(holder(() => Promise.resolve({ memo: found }))).resolves.toBe('another record');
  });

  test('is gone if the workflow is gone', async () => {
    const notFound = new WorkflowNotFoundError('gone', 'test-42-7', undefined);
    await expect(holder(() => Promise.reject(notFound))).resolves.toBe('gone');
  });

  test('fails if the server does not answer', async () => {
    await expect(holder(() => Promise.reject(new Error('unavailable')))).rejects.toThrow(
      'unavailable',
    );
  });
});
