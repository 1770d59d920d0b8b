import { z } from 'zod';
import { UsageError } from '../../../src/domain/errors';
import { DEFAULT_RETRY_POLICY } from '../../../src/domain/stream/retry-policy';
import type { SinkRecord, WriteContext } from '../../../src/domain/stream/sink';
import { defineStream } from '../../../src/domain/stream/stream';
import { kafkaRecord, testStream } from '../support/records';

const schema = z.object({ id: z.string() });
const sink = () => Promise.resolve();

function faultsOf(options: object): string {
  try {
    defineStream({ name: 'orders', topic: 'orders.v1', schema, sink, ...options });
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('no fault was found');
}

describe('defineStream', () => {
  test('fills in every default', () => {
    expect(defineStream({ name: 'orders', topic: 'orders.v1', schema, sink })).toMatchObject({
      name: 'orders',
      topic: 'orders.v1',
      groupId: 'orders-sync-group',
      deadLetterTopic: 'orders-sync-dlq',
      taskQueue: 'cloudsync-orders',
      workflowId: '{stream}-{messageId}-{offset}',
      retry: DEFAULT_RETRY_POLICY,
      idempotency: {},
      ordering: 'none',
      afterDeadLetter: 'continue',
      onNull: 'deadLetter',
      onUnreadable: 'stall',
      maxInFlight: 30,
      maxOpen: 1_000,
      workflow: undefined,
    });
  });

  test('completes a partial retry policy with the defaults', () => {
    expect(testStream({ retry: { maximumAttempts: 2 } }).retry).toEqual({
      ...DEFAULT_RETRY_POLICY,
      maximumAttempts: 2,
    });
  });

  test('returns a frozen stream', () => {
    const stream = testStream();
    expect(() => Object.assign(stream, { topic: 'other' })).toThrow(TypeError);
  });

  test('uses the field id as the message id by default', () => {
    expect(testStream().messageId({ id: '42' }, kafkaRecord({}))).toBe('42');
  });

  test.each([
    ['name', { name: '' }],
    ['name', { name: 'Orders' }],
    ['name', { name: '-orders' }],
    ['name', { name: 'o'.repeat(65) }],
    ['name', { name: 'a/b' }],
    ['topic', { topic: '' }],
    ['topic', { topic: 'a b' }],
    ['topic', { topic: '..' }],
    ['topic', { topic: 't'.repeat(250) }],
    ['groupId', { groupId: '' }],
    ['deadLetterTopic', { deadLetterTopic: 'a/b' }],
    ['deadLetterTopic', { deadLetterTopic: 'orders.v1' }],
    ['workflowId', { workflowId: '{stream}-{messageId}' }],
    ['retry.fastAttempts', { retry: { fastAttempts: 11 } }],
    ['retry.maximumAttempts', { retry: { maximumAttempts: 0 } }],
    ['retry.initialIntervalMs', { retry: { initialIntervalMs: 0.5 } }],
    ['retry.backoffCoefficient', { retry: { backoffCoefficient: 0.9 } }],
    ['retry.maximumIntervalMs', { retry: { maximumIntervalMs: -1 } }],
    ['retry.attemptTimeoutMs', { retry: { attemptTimeoutMs: 999 } }],
    ['attempts', { retry: { attempts: 3 } }],
    ['maxInFlight', { maxInFlight: 0 }],
    ['maxInFlight', { maxInFlight: Number.NaN }],
    ['maxOpen', { maxOpen: 1.5 }],
    ['ordering', { ordering: 'offset' }],
    ['onNull', { onNull: 'delete' }],
    ['onUnreadable', { onUnreadable: 'skip' }],
    ['afterDeadLetter', { ordering: 'key', afterDeadLetter: 'stop' }],
    ["afterDeadLetter 'hold' needs ordering 'key'", { afterDeadLetter: 'hold' }],
    ["needs ordering 'key'", { ordering: 'partition', afterDeadLetter: 'hold' }],
    ['holdKeys', { workflow: { type: 'holdKeys', workflowsPath: '/w.js' } }],
    ['deliverRecord', { workflow: { type: 'deliverRecord', workflowsPath: '/w.js' } }],
    ['invalidRecord', { workflow: { type: 'invalidRecord', workflowsPath: '/w.js' } }],
  ])('names the wrong option %s in %j', (name, options) => {
    expect(faultsOf(options)).toContain(name);
  });

  test('names all wrong options in one error', () => {
    const faults = faultsOf({
      name: 'No',
      topic: '',
      retry: { maximumAttempts: -1, attemptTimeoutMs: 1 },
      maxOpen: 0,
    });
    for (const name of [
      'name',
      'topic',
      'retry.maximumAttempts',
      'retry.attemptTimeoutMs',
      'maxOpen',
    ]) {
      expect(faults).toContain(`at ${name}`);
    }
  });
});

describe('a schema without a usable id', () => {
  const define = (schema: z.ZodType, more: object = {}) =>
    defineStream({ name: 'ids', topic: 't', schema, sink, ...more } as never);
  const text = { a: z.string() };

  test.each([
    ['no id', z.object(text)],
    ['no id, and nothing else allowed', z.strictObject(text)],
    ['no id in any kind', z.union([z.object(text), z.object({ b: z.number() })])],
    ['no id in either part', z.object(text).and(z.object({ b: z.number() }))],
    ['an id that is an object', z.object({ id: z.object(text) })],
    ['an id that is a date', z.object({ id: z.date() }).readonly()],
    ['an id that is a bigint', z.object({ id: z.bigint().readonly() })],
    ['a list', z.array(z.object({ id: z.string() }))],
    ['a text', z.string()],
    ['no id after a pipe', z.unknown().pipe(z.object(text))],
  ])('is refused by defineStream: %s', (_, schema) => {
    expect(() => define(schema)).toThrow(/^stream ids: .*; give the schema a string id/);
    expect(() => define(schema, { messageId: () => 'any' })).not.toThrow();
  });

  test.each([
    ['a string', z.object({ id: z.string() })],
    ['a number', z.object({ id: z.number().int() })],
    ['a choice', z.object({ id: z.enum(['a', 'b']) })],
    ['the result of a transform', z.object({ id: z.bigint().transform(String) })],
    ['one that more keys may hold', z.looseObject(text)],
    ['one in some kinds', z.union([z.object(text), z.object({ id: z.string() })])],
    ['one in a part', z.object(text).and(z.object({ id: z.uuid() }))],
    ['anything', z.unknown()],
    ['a transform of the whole', z.object(text).transform(({ a }) => ({ id: a }))],
    ['one defined later', z.lazy(() => z.object({ id: z.string() }))],
  ])('is not reported if the id may be %s', (_, schema) => {
    expect(() => define(schema)).not.toThrow();
  });

  test('is a type error as well', () => {
    const common = { name: 'ids', topic: 't', sink };
    // @ts-expect-error -- messageId is missing
    expect(() => defineStream({ ...common, schema: z.object(text) })).toThrow(UsageError);
    // @ts-expect-error -- the id is no string
    expect(() => defineStream({ ...common, schema: z.object({ id: z.date() }) })).toThrow();
    defineStream({ ...common, schema: z.object(text), messageId: ({ a }) => a });
    defineStream({ ...common, schema: z.object({ id: z.number() }) });
    // @ts-expect-error -- messageId may not return a promise
    defineStream({ ...common, schema: z.object(text), messageId: ({ a }) => Promise.resolve(a) });
  });
});

describe('a function as sink', () => {
  const record = { messageId: '42' } as SinkRecord<{ id: string }>;
  const context: WriteContext = { signal: new AbortController().signal, attempt: 1 };

  test('gets record and context, and means "written" when it returns nothing', async () => {
    const deliver = jest.fn(() => Promise.resolve());
    const stream = defineStream({ name: 's', topic: 't', schema, sink: deliver });
    await expect(stream.sink.write(record, context)).resolves.toEqual({ outcome: 'written' });
    expect(deliver).toHaveBeenCalledWith(record, context);
  });

  test('has its result passed on', async () => {
    const result = { outcome: 'duplicate', location: 'somewhere' } as const;
    const stream = defineStream({
      name: 's',
      topic: 't',
      schema,
      sink: () => Promise.resolve(result),
    });
    await expect(stream.sink.write(record, context)).resolves.toBe(result);
  });

  test('has its errors passed on, whether thrown or rejected', async () => {
    const stream = defineStream({
      name: 's',
      topic: 't',
      schema,
      sink: () => {
        throw new Error('down');
      },
    });
    await expect(stream.sink.write(record, context)).rejects.toThrow('down');
  });
});
