import type { Client } from '@temporalio/client';
import { DefaultLogger } from '@temporalio/worker';
import { MockActivityEnvironment } from '@temporalio/testing';
import { deliverChunk } from '../../../src/activities/chunk/deliver-chunk';
import { workflowEnd } from '../../../src/activities/chunk/workflow-end';
import { HoldGuard } from '../../../src/activities/guard/hold-guard';
import { ChunkMemory } from '../../../src/bridge/chunk-lane/chunk-memory';
import { RecentLayer } from '../../../src/dedupe/recent-layer';
import type { ChunkInput } from '../../../src/domain/workflow/chunk';
import { contentKey } from '../../../src/domain/workflow/content-key';
import { DeliveryError, type DeliveryFailureType } from '../../../src/domain/errors';
import { keyHash, type Predecessor } from '../../../src/domain/workflow/key-hash';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { DEFAULT_RETRY_POLICY } from '../../../src/domain/stream/retry-policy';
import type { Head } from '../../../src/domain/stream/hold';
import type { Sink, SinkRecord } from '../../../src/domain/stream/sink';
import { InMemoryIdempotencyService } from '../../../src/dedupe/in-memory-idempotency-service';
import { kafkaRecord, testStream } from '../../domain/support/records';

const retry = { ...DEFAULT_RETRY_POLICY, fastAttempts: 2 };
const LOCAL = { isLocal: true, startToCloseTimeoutMs: 6_500, attempt: 1 };
const regular = (attempt: number) => ({ isLocal: false, startToCloseTimeoutMs: 60_000, attempt });

const hashOf = (key: string) => keyHash('key', kafkaRecord({ key: Buffer.from(key) }))!;

function valueOf(id: string): Buffer {
  if (id.endsWith('!')) return Buffer.from('{nope');
  const padding = id.endsWith('+') ? ' '.repeat(2_100_000) : '';
  return Buffer.from(JSON.stringify({ id }) + padding);
}

/**
 * A chunk of records. Record `a1` has key `a` and message id `a1`. Record `-1` has no key, `a!` is no JSON, and `a1+`
 * does not fit a workflow.
 */
class World {
  /** In their order: `a1` for a record that reached the sink, `a2>` for one that left, and the ends of workflows. */
  readonly log: string[] = [];
  readonly afters = new Map<string, string | undefined>();
  readonly attempts = new Map<string, number>();
  readonly held = new ChunkMemory();
  idempotency = new InMemoryIdempotencyService({ maxEntries: 1_000 });
  recent = new RecentLayer(this.idempotency, 30_000);
  readonly chunk: ChunkInput;
  elsewhere = false;
  ordering: 'key' | 'partition' = 'key';
  fail: (id: string, attempt: number) => DeliveryFailureType | undefined = () => undefined;
  writeChunk: Sink['writeChunk'];
  handOnFails = false;
  /** Workflows of records that have left, and how often a look-up still finds each of them running. */
  readonly open = new Map<string, number>();
  /** Whether no workflow of a record that has left ends. */
  stuck = false;
  /** The ids of workflows that were looked up. */
  readonly asked = new Set<string>();
  /** Keys that are held. Those in `heldByEnd` become held when a workflow has ended. */
  heads: string[] = [];
  headOffset = 0;
  heldByEnd: string[] = [];
  readonly #records: KafkaRecord[];

  constructor(ids: string[], after?: Predecessor[]) {
    this.#records = ids.map((id, offset) =>
      kafkaRecord({
        offset,
        key: id.startsWith('-') ? null : Buffer.from(id[0]!),
        value: valueOf(id),
      }),
    );
    const { topic, partition, timestamp } = this.#records[0]!;
    const range = { topic, partition, first: 0, last: ids.length - 1 };
    const place = { ...range, count: ids.length, timestamp, firstRecord: 0 };
    this.chunk = { stream: 'test', ...place, ...(after && { after }) };
    this.held.remember(this.chunk, this.#records);
  }

  replace(record: KafkaRecord): void {
    this.#records[record.offset] = record;
  }

  async write({ messageId }: SinkRecord) {
    // After a random delay, records overtake each other if nothing holds them back.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    const attempt = (this.attempts.get(messageId) ?? 0) + 1;
    this.attempts.set(messageId, attempt);
    const failure = this.fail(messageId, attempt);
    if (failure) throw new DeliveryError(failure, `${messageId} fails`);
    this.log.push(messageId);
    return { outcome: 'written' as const };
  }

  run(info = LOCAL) {
    const sink: Sink = {
      write: (record) => this.write(record),
      ...(this.writeChunk && { writeChunk: this.writeChunk }),
    };
    const stream = testStream({ sink, ordering: this.ordering, execution: { lane: 'chunk' } });
    const nothing = () => undefined;
    const logger = new DefaultLogger('ERROR');
    const environment = new MockActivityEnvironment(info, { logger, client: this.#client() });
    return environment.run(() =>
      deliverChunk(
        {
          stream,
          recent: this.recent,
          workflowEnd,
          guard: new HoldGuard(this.#holds(), { read: () => this.#read() }),
          ...(!this.elsewhere && { remembered: this.held }),
          startOwnWorkflow: (start, record) => {
            if (this.handOnFails) return Promise.reject(new Error('no answer'));
            const [{ after }] = start.args;
            const { messageId } = start.memo;
            this.log.push(`${messageId ?? `@${record.offset}`}>`);
            this.afters.set(start.workflowId, after);
            return Promise.resolve(start.workflowId);
          },
          reader: {
            earliest: () => Promise.resolve(0),
            read: () => this.#read(),
            close: () => Promise.resolve(),
          },
          events: {
            delivered: nothing,
            duplicate: nothing,
            checked: nothing,
            waiting: nothing,
            expired: nothing,
            filtered: nothing,
            decoding: nothing,
            attemptFailed: nothing,
            attemptSucceeded: nothing,
          },
        },
        this.chunk,
        retry,
      ),
    );
  }

  #holds() {
    const unexpected = () => Promise.reject(new Error('not a matter of this activity'));
    const heads = () =>
      Promise.resolve(
        new Map(this.heads.map((key): [string, Head] => [hashOf(key), [this.headOffset, '']])),
      );
    return { heads, hold: unexpected, delivered: unexpected };
  }

  #client() {
    const describe = (workflowId: string) => {
      this.asked.add(workflowId);
      const left = this.stuck ? Infinity : (this.open.get(workflowId) ?? 0);
      this.open.set(workflowId, left - 1);
      if (left <= 0) {
        this.log.push(`${workflowId} ended`);
        this.heads.push(...this.heldByEnd);
      }
      return Promise.resolve({ status: { name: left > 0 ? 'RUNNING' : 'FAILED' } });
    };
    const workflow = { getHandle: (id: string) => ({ describe: () => describe(id) }) };
    const withAbortSignal = (_: AbortSignal, use: () => unknown) => use();
    return { workflow, withAbortSignal } as unknown as Client;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
  async *#read() {
    yield* this.#records;
  }

  /** Moves the next attempt to a process that has nothing in memory. */
  moveElsewhere(): void {
    this.idempotency.close();
    this.elsewhere = true;
    this.idempotency = new InMemoryIdempotencyService({ maxEntries: 1_000 });
    this.recent = new RecentLayer(this.idempotency, 30_000);
  }

  /** The entries of the log for a key. */
  of(key: string): string[] {
    return this.log.filter((id) => id.startsWith(key));
  }

  end(): void {
    this.idempotency.close();
  }
}

let world: World;
afterEach(() => world.end());

const numbered = (key: string, count: number) => Array.from({ length: count }, (_, i) => key + i);

test('records of a key reach the sink one after the other, and keys run side by side', async () => {
  const [a, b, c] = ['a', 'b', 'c'].map((key) => numbered(key, 20)) as [
    string[],
    string[],
    string[],
  ];
  world = new World(a.flatMap((id, i) => [id, b[i]!, c[i]!]));
  await expect(world.run()).resolves.toEqual({
    delivered: 60,
    duplicates: 0,
    handedOn: 0,
    expired: 0,
  });
  expect([world.of('a'), world.of('b'), world.of('c')]).toEqual([a, b, c]);
  expect(world.log).not.toEqual([...a, ...b, ...c]);
});

test('under order by partition all records follow each other, even those without a key', async () => {
  world = new World(['a0', '-1', 'b2', 'a3']);
  world.ordering = 'partition';
  await world.run();
  expect(world.log).toEqual(['a0', '-1', 'b2', 'a3']);
});

test('records behind a record that left stay if the workflow of that record ends soon', async () => {
  world = new World(['a0', 'a1', 'b2', 'a3', 'b4', 'a5']);
  world.fail = (id) => (id === 'a1' ? 'Permanent' : undefined);
  world.open.set('test-a1-1', 2);
  await expect(world.run()).resolves.toEqual({
    delivered: 5,
    duplicates: 0,
    handedOn: 1,
    expired: 0,
  });
  expect(world.log.filter((id) => !id.startsWith('b'))).toEqual([
    ...['a0', 'a1>', 'test-a1-1 ended', 'a3', 'a5'],
  ]);
});

test('records behind a record that left leave in a chain if the workflow of that record does not end soon', async () => {
  world = new World(['a0', 'a1', 'b2', 'a3', 'b4', 'a5']);
  world.fail = (id) => (id === 'a1' ? 'Permanent' : undefined);
  world.stuck = true;
  await expect(world.run()).resolves.toEqual({
    delivered: 3,
    duplicates: 0,
    handedOn: 3,
    expired: 0,
    tails: [[hashOf('a'), 'test-a5-5']],
  });
  expect(world.of('a')).toEqual(['a0', 'a1>', 'a3>', 'a5>']);
  expect([...world.afters]).toEqual([
    ['test-a1-1', undefined],
    ['test-a3-3', 'test-a1-1'],
    ['test-a5-5', 'test-a3-3'],
  ]);
});

test('an invalid record leaves only after the records before it are delivered', async () => {
  world = new World(['a0', 'a!', 'a2']);
  await world.run();
  expect(world.log).toEqual(['a0', '@1>', 'test-invalid-topic-0-1 ended', 'a2']);
});

test('a chunk does not wait for its other keys if more than a few keys are slow', async () => {
  const keys = Array.from({ length: 60 }, (_, i) => String.fromCharCode(0x100 + i));
  world = new World(keys.flatMap((key) => [`${key}!`, `${key}1`]));
  world.stuck = true;
  await expect(world.run()).resolves.toMatchObject({ handedOn: 120 });
  expect(world.asked.size).toBeLessThan(60);
});

test('under order by partition records wait longer in the chunk behind a record that left', async () => {
  world = new World(['a0', 'b1', '-2', 'a!', 'c4']);
  world.ordering = 'partition';
  world.fail = (id) => (id === 'b1' ? 'Permanent' : undefined);
  // The last look-up of this workflow is after more than a second.
  world.open.set('test-b1-1', 12);
  await expect(world.run()).resolves.toMatchObject({ delivered: 3, handedOn: 2 });
  expect(world.log).toEqual([
    ...['a0', 'b1>', 'test-b1-1 ended', '-2', '@3>', 'test-invalid-topic-0-3 ended', 'c4'],
  ]);
});

test('under order by partition records leave in a chain behind a record that does not end in time', async () => {
  world = new World(['a0', 'b1', '-2', 'c3']);
  world.ordering = 'partition';
  world.fail = (id) => (id === 'b1' ? 'Permanent' : undefined);
  world.stuck = true;
  await expect(world.run(regular(1))).resolves.toMatchObject({ delivered: 1, handedOn: 3 });
  expect(world.log).toEqual(['a0', 'b1>', '-2>', 'c3>']);
  expect(world.afters.get('test-c3-3')).toBe('test--2-2');
}, 20_000);

test('a copy under another key is delivered while the message itself waits for the record before it', async () => {
  world = new World(['a0', 'a1', 'b2']);
  const value = Buffer.from('{"id":"a1"}');
  const copy = kafkaRecord({ offset: 2, key: Buffer.from('b'), value });
  world.replace(copy);
  world.fail = (id) => (id === 'a0' ? 'Permanent' : undefined);
  world.open.set('test-a0-0', 3);
  world.writeChunk = () => Promise.reject(new DeliveryError('Permanent', 'no object'));
  await expect(world.run()).resolves.toMatchObject({ delivered: 1, duplicates: 1, handedOn: 1 });
  expect(world.log).toEqual(['a0>', 'a1', 'test-a0-0 ended']);
});

test('a record too large for a workflow waits in its chunk for the record before it', async () => {
  world = new World(['a!', 'a1', 'a2+', 'a3', 'b4+']);
  world.open.set('test-invalid-topic-0-0', Infinity);
  world.open.set('test-a1-1', 1);
  await expect(world.run()).resolves.toEqual({
    delivered: 3,
    duplicates: 0,
    handedOn: 2,
    expired: 0,
  });
  expect(world.of('b')).toEqual(['b4+']);
  expect(world.log.filter((id) => id !== 'b4+')).toEqual([
    ...['@0>', 'a1>', 'test-a1-1 ended', 'a2+', 'a3'],
  ]);
});

test('a record too large for a workflow also waits behind a record that left after temporary failures', async () => {
  world = new World(['a0', 'a1+', 'a2', ...numbered('b', 5)]);
  world.fail = (id) => (id === 'a0' ? 'Transient' : undefined);
  world.open.set('test-a0-0', 1);
  await expect(world.run()).resolves.toMatchObject({ delivered: 7, handedOn: 1 });
  expect(world.of('a')).toEqual(['a0>', 'a1+', 'a2']);
});

test.each([
  ['a large one', 'a1+', 'key' as const],
  ['one by partition', 'b1', 'partition' as const],
])(
  'the workflow for which a record waits may take longer than the attempt: %s',
  async (_, id, ordering) => {
    world = new World(['a!', id]);
    world.ordering = ordering;
    world.open.set('test-invalid-topic-0-0', 12);
    const short = { ...LOCAL, startToCloseTimeoutMs: 1_100 };
    await expect(world.run(short)).rejects.toMatchObject({ type: 'Unfinished' });
    await expect(world.run(regular(1))).resolves.toMatchObject({ delivered: 1, handedOn: 1 });
    expect(world.log).toEqual(['@0>', 'test-invalid-topic-0-0 ended', id]);
  },
);

test('a record too large for a workflow leaves if the record for which it waited holds their key', async () => {
  world = new World(['a!', 'a1+', 'a2']);
  world.heldByEnd = ['a'];
  await expect(world.run()).resolves.toMatchObject({ delivered: 0, handedOn: 3 });
  expect(world.log).toEqual(['@0>', 'test-invalid-topic-0-0 ended', '@1>', 'a2>']);
});

test('records of a held key leave in a chain, and none of them is tried', async () => {
  world = new World(['a0', 'b1', 'a2', '-3']);
  world.heads = ['a'];
  await expect(world.run()).resolves.toMatchObject({ delivered: 2, handedOn: 2 });
  expect(world.of('a')).toEqual(['a0>', 'a2>']);
  expect([...world.afters]).toEqual([
    ['test-a0-0', undefined],
    ['test-a2-2', 'test-a0-0'],
  ]);
});

test('a record before the head of a held key stays in the chunk, because another process has delivered it', async () => {
  world = new World(['a0', 'a1', 'a2']);
  world.heads = ['a'];
  world.headOffset = 1;
  await expect(world.run()).resolves.toMatchObject({ delivered: 1, handedOn: 2 });
  expect(world.log).toEqual(['a0', 'a1>', 'a2>']);
});

test('the object of a chunk holds no record of a held key', async () => {
  const objects: string[][] = [];
  world = new World(['a0', 'b1', 'a2']);
  world.heads = ['a'];
  world.writeChunk = (records) => {
    objects.push(records.map(({ messageId }) => messageId));
    return Promise.resolve({ outcome: 'written' });
  };
  await world.run();
  expect(objects).toEqual([['b1']]);
  expect(world.of('a')).toEqual(['a0>', 'a2>']);
});

test('a record without a key leaves alone', async () => {
  world = new World(['-0', '-1', '-2']);
  world.fail = (id) => (id === '-1' ? 'Permanent' : undefined);
  await expect(world.run()).resolves.not.toHaveProperty('tails');
  expect(world.log.sort()).toEqual(['-0', '-1>', '-2']);
  expect(world.afters.get('test--1-1')).toBeUndefined();
});

test('all records of a key leave if its predecessor is open, and an unchanged predecessor is not named again', async () => {
  world = new World(
    ['a0', 'b1', 'a2'],
    [
      [hashOf('a'), 'earlier'],
      [hashOf('c'), 'other'],
    ],
  );
  world.stuck = true;
  await expect(world.run()).resolves.toMatchObject({ tails: [[hashOf('a'), 'test-a2-2']] });
  expect(world.of('a')).toEqual(['a0>', 'a2>']);
  expect(world.afters.get('test-a0-0')).toBe('earlier');
});

test('a record that fails temporarily is tried again before the records behind it, and then leaves with them', async () => {
  world = new World(['a0', 'a1', ...numbered('b', 5)]);
  world.fail = (id) => (id === 'a0' ? 'Transient' : undefined);
  world.stuck = true;
  await world.run();
  expect(world.attempts.get('a0')).toBe(retry.fastAttempts);
  expect(world.of('a')).toEqual(['a0>', 'a1>']);
  expect(world.of('b')).toHaveLength(5);
});

test('many records behind one that fails temporarily stay for several attempts, because the sink may be at fault', async () => {
  world = new World([...numbered('a', 20), 'b']);
  world.fail = (id) => (id === 'a0' ? 'Transient' : undefined);
  world.stuck = true;
  await expect(world.run()).rejects.toMatchObject({ type: 'Transient' });
  for (const attempt of [1, 2, 3, 4]) {
    await expect(world.run(regular(attempt))).rejects.toMatchObject({ type: 'Transient' });
  }
  expect(world.log).toEqual(['b']);
  await expect(world.run(regular(5))).resolves.toMatchObject({ delivered: 1, handedOn: 20 });
});

test('no record leaves while the sink is down, and all are delivered in order when it is back', async () => {
  const keys = Array.from('abcdefghijklmnopqrstuvwxyz');
  world = new World([...keys.map((key) => `${key}0`), ...keys.map((key) => `${key}1`)]);
  world.fail = () => 'Transient';
  await expect(world.run()).rejects.toMatchObject({ type: 'Transient' });
  expect(world.log).toEqual([]);
  // No record behind a failing record is tried.
  expect([...world.attempts.keys()].filter((id) => id.endsWith('1'))).toEqual([]);
  world.fail = () => undefined;
  await expect(world.run(regular(1))).resolves.toMatchObject({ delivered: 52 });
  for (const key of keys) expect(world.of(key)).toEqual([`${key}0`, `${key}1`]);
});

test('a record leaves again if the start of its workflow was not answered, and the records behind it wait', async () => {
  world = new World(['a0', 'a1']);
  world.fail = (id) => (id === 'a0' ? 'Permanent' : undefined);
  world.handOnFails = true;
  await expect(world.run()).rejects.toThrow('no answer');
  world.handOnFails = false;
  world.fail = () => undefined;
  await expect(world.run(regular(1))).resolves.toMatchObject({ handedOn: 1 });
  expect(world.log).toEqual(['a0>', 'test-a0-0 ended', 'a1']);
});

test('an attempt in another process, which knows nothing of the first attempt, overtakes no record', async () => {
  world = new World(['a0', 'a1', 'a2']);
  world.fail = (id) => (id === 'a1' ? 'Permanent' : undefined);
  world.stuck = true;
  await world.run();
  world.moveElsewhere();
  await world.run(regular(1));
  expect(world.log).toEqual(['a0', 'a1>', 'a2>', 'a0', 'a1>', 'a2>']);
});

test('a copy of a message in flight waits for that message, and so do the records behind the copy', async () => {
  world = new World(['a0', 'a1', 'b2']);
  const key = contentKey('a0', Buffer.from('{"id":"a0"}'));
  world.recent.enter(key, 'another chunk');
  const running = world.run();
  while (!world.log.includes('b2')) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(world.of('a')).toEqual([]);
  world.recent.leave(key, 'another chunk', false);
  await running;
  expect(world.of('a')).toEqual(['a0', 'a1']);
});

describe('with one object for a chunk', () => {
  /** A sink whose objects are in the log as `[a0 b1]`. */
  const objects =
    (without: string[] = [], fail?: DeliveryFailureType): NonNullable<Sink['writeChunk']> =>
    (records) => {
      if (fail) return Promise.reject(new DeliveryError(fail, 'no object'));
      const held = records.filter(({ messageId }) => !without.includes(messageId));
      world.log.push(`[${held.map(({ messageId }) => messageId).join(' ')}]`);
      return Promise.resolve({
        outcome: 'written',
        without: records.filter(({ messageId }) => without.includes(messageId)),
      });
    };

  test('the object holds the records in their order, up to the first record of a key that leaves', async () => {
    world = new World(['a0', 'b1', 'a!', 'b3', 'a4', 'c5'], [[hashOf('c'), 'earlier']]);
    world.writeChunk = objects();
    world.stuck = true;
    await expect(world.run()).resolves.toMatchObject({ delivered: 3, handedOn: 3 });
    expect(world.log[0]).toBe('[a0 b1 b3]');
    expect(world.log.slice(1).sort()).toEqual(['@2>', 'a4>', 'c5>']);
    expect(world.afters.get('test-a4-4')).toBe('test-invalid-topic-0-2');
  });

  test('records that the object of an earlier attempt lacks are written after it in order', async () => {
    world = new World(['a0', 'b1', 'a2', 'a3']);
    world.writeChunk = objects(['a2', 'a3']);
    await world.run();
    expect(world.log).toEqual(['[a0 b1]', 'a2', 'a3']);
  });

  test('records behind a copy in flight are not in the object', async () => {
    world = new World(['a0', 'a1', 'b2']);
    const key = contentKey('a0', Buffer.from('{"id":"a0"}'));
    world.recent.enter(key, 'another chunk');
    world.writeChunk = objects();
    const running = world.run();
    while (world.log.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    world.recent.leave(key, 'another chunk', true);
    await expect(running).resolves.toMatchObject({ delivered: 2, duplicates: 1 });
    expect(world.log).toEqual(['[b2]', 'a1']);
  });

  test('records are written one by one in order if the sink refuses the object for good', async () => {
    world = new World(['a0', 'a1', 'b2', 'a3']);
    world.writeChunk = objects([], 'Permanent');
    world.fail = (id) => (id === 'a1' ? 'Permanent' : undefined);
    await expect(world.run()).resolves.toMatchObject({ delivered: 3, handedOn: 1 });
    expect(world.of('a')).toEqual(['a0', 'a1>', 'a3']);
  });

  test('all records stay if the sink temporarily does not take the object', async () => {
    world = new World(['a0', 'a1', 'b2']);
    world.writeChunk = objects([], 'Transient');
    await expect(world.run()).rejects.toMatchObject({ type: 'Transient' });
    expect(world.log).toEqual([]);
    world.writeChunk = objects();
    await expect(world.run(regular(1))).resolves.toMatchObject({ delivered: 3 });
    expect(world.log).toEqual(['[a0 a1 b2]']);
  });
});
