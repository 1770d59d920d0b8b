import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger } from '@temporalio/worker';
import { MockActivityEnvironment } from '@temporalio/testing';
import { deliverChunk } from '../../../src/activities/chunk/deliver-chunk';
import type {
  ChunkDependencies,
  StartOwnWorkflow,
} from '../../../src/activities/chunk/dependencies';
import { NO_GUARD } from '../../../src/activities/guard/delivery-guard';
import { ChunkMemory } from '../../../src/bridge/chunk-lane/chunk-memory';
import { RecentLayer } from '../../../src/dedupe/recent-layer';
import type { ChunkInput } from '../../../src/domain/workflow/chunk';
import { contentKey } from '../../../src/domain/workflow/content-key';
import { DeliveryError, type DeliveryFailureType } from '../../../src/domain/errors';
import { DEFAULT_RETRY_POLICY } from '../../../src/domain/stream/retry-policy';
import type { Sink, SinkRecord } from '../../../src/domain/stream/sink';
import { InMemoryIdempotencyService } from '../../../src/dedupe/in-memory-idempotency-service';
import { kafkaRecord, testStream } from '../../domain/support/records';

const retry = { ...DEFAULT_RETRY_POLICY, fastAttempts: 2 };
const LOCAL = { isLocal: true, startToCloseTimeoutMs: 6_500, attempt: 1 };
const REGULAR = { isLocal: false, startToCloseTimeoutMs: 60_000, attempt: 1 };

/** A chunk of records with these ids. A bridge worker has them in memory, unless `elsewhere` is set. */
class World {
  options: Parameters<typeof testStream>[0] = {};
  filtered = 0;
  decodeFailure: string | undefined;
  readonly written: string[] = [];
  readonly handedOn: string[] = [];
  readonly duplicates: string[] = [];
  readonly attempts: string[] = [];
  checked = 0;
  readonly held = new ChunkMemory();
  readonly idempotency = new InMemoryIdempotencyService({ maxEntries: 1_000 });
  readonly recent = new RecentLayer(this.idempotency, 30_000);
  readonly chunk: ChunkInput;
  fail: (record: SinkRecord, attempt: number) => DeliveryFailureType | undefined = () => undefined;
  writeChunk: Sink['writeChunk'];
  startOwnWorkflow: StartOwnWorkflow = (start) => Promise.resolve(start.workflowId);
  earliest = 0;
  readonly #records;
  readonly #attempts = new Map<string, number>();

  constructor(
    ids: (string | null | undefined)[],
    private readonly elsewhere = false,
    padding = 0,
    exactTimestamp?: string,
  ) {
    this.#records = ids.map((id, offset) =>
      kafkaRecord({
        offset,
        ...(exactTimestamp !== undefined && { exactTimestamp }),
        value:
          id === undefined
            ? null
            : Buffer.from(id === null ? '{nope' : `{"id":"${id}"}` + ' '.repeat(padding)),
      }),
    );
    const { topic, partition, timestamp } = this.#records[0]!;
    const range = { topic, partition, first: 0, last: ids.length - 1 };
    this.chunk = { stream: 'test', ...range, count: ids.length, timestamp, firstRecord: 0 };
    this.held.remember(this.chunk, this.#records);
  }

  run(info: typeof LOCAL = LOCAL) {
    const write = (record: SinkRecord) => {
      const { messageId } = record;
      const attempt = (this.#attempts.get(messageId) ?? 0) + 1;
      this.#attempts.set(messageId, attempt);
      const failure = this.fail(record, attempt);
      if (failure) return Promise.reject(new DeliveryError(failure, `${messageId} fails`));
      this.written.push(messageId);
      return Promise.resolve({ outcome: 'written' as const });
    };
    const sink: Sink = { write, ...(this.writeChunk && { writeChunk: this.writeChunk }) };
    const deps: ChunkDependencies = {
      stream: testStream({ sink, execution: { lane: 'chunk' }, ...this.options }),
      recent: this.recent,
      guard: NO_GUARD,
      workflowEnd: () => Promise.reject(new Error('nothing waits without an order')),
      ...(!this.elsewhere && { remembered: this.held }),
      startOwnWorkflow: (start, record, signal) => {
        this.handedOn.push(start.workflowId);
        return this.startOwnWorkflow(start, record, signal);
      },
      reader: {
        earliest: () => Promise.resolve(this.earliest),
        read: (_topic, _partition, from, to) => this.#read(from, to),
        close: () => Promise.resolve(),
      },
      events: {
        delivered: () => undefined,
        duplicate: ({ messageId }, layer) => this.duplicates.push(`${messageId} ${layer}`),
        checked: (_partition, count) => (this.checked += count),
        waiting: () => undefined,
        expired: () => undefined,
        filtered: (_partition, count) => (this.filtered += count),
        decoding: (_partition, failure) => (this.decodeFailure = failure),
        attemptFailed: (_record, type) => this.attempts.push(type),
        attemptSucceeded: () => this.attempts.push('succeeded'),
      },
    };
    const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
    return environment.run(() => deliverChunk(deps, this.chunk, retry));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
  async *#read(from: number, to: number) {
    yield* this.#records.filter(({ offset }) => offset >= from && offset < to);
  }

  end(): void {
    this.idempotency.close();
  }
}

let world: World;
afterEach(() => world.end());
const ids = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);

test('every record of a chunk is written once', async () => {
  world = new World(ids(100));
  const expected = { delivered: 100, duplicates: 0, handedOn: 0, expired: 0 };
  await expect(world.run()).resolves.toEqual(expected);
  expect(world.written.sort()).toEqual(ids(100).sort());
});

test('a local attempt in a process without the records fails with ChunkNotHeld, and is not repeated', async () => {
  world = new World(ids(1), true);
  await expect(world.run()).rejects.toMatchObject({ type: 'ChunkNotHeld', nonRetryable: true });
});

test('a regular attempt in another process reads the records from Kafka, and counts deleted records as expired', async () => {
  world = new World(ids(10), true);
  world.earliest = 4;
  await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 6, expired: 4 });
  expect(world.written).toEqual(['m4', 'm5', 'm6', 'm7', 'm8', 'm9']);
});

test('a chunk is read from its first record on, not from the offsets before that in its range', async () => {
  world = new World(ids(10), true);
  const { timestamp } = world.chunk;
  Object.assign(world.chunk, { firstRecord: 3, count: 7, timestamp });
  await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 7, expired: 0 });
  expect(world.written.sort()).toEqual(ids(10).slice(3));
});

test.each(['none', 'key'] as const)(
  'a record that leaves its chunk keeps its exact timestamp under ordering %s',
  async (ordering) => {
    const exact = '1795914000000000123';
    world = new World(['m0'], false, 0, exact);
    world.options = { ordering };
    world.fail = () => 'Permanent';
    const timestamps: unknown[] = [];
    world.startOwnWorkflow = (start) => {
      timestamps.push(start.args[0].exactTimestamp);
      return Promise.resolve(start.workflowId);
    };
    await world.run();
    expect(timestamps).toEqual([exact]);
  },
);

test('records that are invalid or fail for good leave the chunk', async () => {
  world = new World(['a', null, 'b', 'c']);
  world.fail = ({ messageId }) => (messageId === 'b' ? 'Permanent' : undefined);
  await expect(world.run()).resolves.toMatchObject({ delivered: 2, handedOn: 2 });
  expect(world.handedOn).toEqual(['test-invalid-topic-0-1', 'test-b-2']);
});

test('tombstones that the stream skips count as filtered, and are not delivered and do not leave the chunk', async () => {
  world = new World(['a', undefined, undefined, 'b']);
  world.options = { onNull: 'skip' };
  const expected = { delivered: 2, duplicates: 0, handedOn: 0, expired: 0, filtered: 2 };
  await expect(world.run()).resolves.toEqual(expected);
  expect(world.filtered).toBe(2);
  expect(world.written.sort()).toEqual(['a', 'b']);
});

test('records that accept or filter skips count as filtered, and are not delivered and do not leave the chunk', async () => {
  world = new World(['a', 'b', 'c', 'd']);
  world.options = { accept: ({ offset }) => offset !== 1, filter: ({ id }) => id !== 'c' };
  await expect(world.run()).resolves.toMatchObject({ delivered: 2, handedOn: 0, filtered: 2 });
  expect(world.written.sort()).toEqual(['a', 'd']);
});

test('a chunk ends if it holds only skipped tombstones', async () => {
  world = new World([undefined, undefined]);
  world.options = { onNull: 'skip' };
  await expect(world.run()).resolves.toMatchObject({ delivered: 0, filtered: 2 });
});

test.each(['none', 'key', 'partition'] as const)(
  "an attempt fails under ordering %s if a record temporarily can't be decoded, and no record leaves",
  async (ordering) => {
    world = new World(['a', undefined, 'b', 'c']);
    let fails = true;
    world.options = {
      ordering,
      onNull: 'skip',
      decode: async (value) => {
        await Promise.resolve();
        if (fails) throw new DeliveryError('Transient', 'no registry');
        return JSON.parse(String(value)) as unknown;
      },
    };
    await expect(world.run()).rejects.toMatchObject({ type: 'Transient', nonRetryable: false });
    expect(world.decodeFailure).toBe('no registry');
    expect([world.written, world.handedOn, world.filtered]).toEqual([[], [], 0]);
    fails = false;
    await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 3, filtered: 1 });
    expect(world.decodeFailure).toBeUndefined();
    expect(world.filtered).toBe(1);
  },
);

test('a few records that fail temporarily leave the chunk too, but only after the fast attempts', async () => {
  world = new World(ids(100));
  world.fail = ({ messageId }, attempt) =>
    messageId === 'm3' || (messageId === 'm4' && attempt === 1) ? 'Transient' : undefined;
  await expect(world.run()).resolves.toMatchObject({ delivered: 99, handedOn: 1 });
  expect(world.handedOn).toEqual(['test-m3-3']);
});

test('an attempt fails if most of its records fail, and the next attempt goes on with what is left', async () => {
  world = new World(ids(40));
  let down = true;
  world.fail = ({ offset }) => (down && offset >= 10 ? 'Throttled' : undefined);
  await expect(world.run()).rejects.toMatchObject({
    type: 'Throttled',
    message: '30 of 40 records failed: m10 fails',
    nonRetryable: false,
  });
  expect(world.handedOn).toEqual([]);
  down = false;
  await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 40, handedOn: 0 });
  expect(world.written).toHaveLength(40);
  expect(world.duplicates).toEqual([]);
});

test('no record counts as failed if the time of the attempt is up', async () => {
  world = new World(ids(200));
  const short = { ...LOCAL, startToCloseTimeoutMs: 500 + 5 };
  const started = performance.now();
  world.fail = () => {
    while (performance.now() - started < 10);
    return undefined;
  };
  await expect(world.run(short)).rejects.toMatchObject({ type: 'Unfinished', nonRetryable: false });
  expect(world.handedOn).toEqual([]);
  await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 200, handedOn: 0 });
});

describe('a chunk of which the sink has taken nothing', () => {
  test('keeps its records until it was tried several times', async () => {
    world = new World(['a', 'b']);
    world.fail = () => 'Transient';
    await expect(world.run()).rejects.toMatchObject({ type: 'Transient' });
    const regular = (attempt: number) => world.run({ ...REGULAR, attempt });
    await expect(regular(1)).rejects.toMatchObject({ message: '2 of 2 records failed: a fails' });
    await expect(regular(4)).rejects.toMatchObject({ type: 'Transient' });
    expect(world.handedOn).toEqual([]);
    await expect(regular(5)).resolves.toMatchObject({ handedOn: 2 });
  });

  test('lets a record leave at once if the record fails for good', async () => {
    world = new World(['a']);
    world.fail = () => 'Permanent';
    await expect(world.run()).resolves.toMatchObject({ handedOn: 1 });
  });
});

test('a record too large for a workflow stays in its chunk while it may be delivered there', async () => {
  world = new World(['a', 'b'], false, 3_000_000);
  let down = true;
  world.fail = ({ messageId }) => (down && messageId === 'a' ? 'Transient' : undefined);
  await expect(world.run()).rejects.toMatchObject({ message: '1 of 2 records failed: a fails' });
  await expect(world.run({ ...REGULAR, attempt: retry.maximumAttempts - 1 })).rejects.toBeDefined();
  expect(world.handedOn).toEqual([]);
  down = false;
  await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 2, handedOn: 0 });
});

test('a record is not written any more if it may already have a workflow of its own', async () => {
  world = new World(['a', 'b']);
  let down = true;
  world.fail = ({ messageId }) => (messageId === 'a' ? 'Permanent' : undefined);
  world.startOwnWorkflow = ({ workflowId }) =>
    down ? Promise.reject(new Error('no answer')) : Promise.resolve(workflowId);
  await expect(world.run()).rejects.toThrow('no answer');
  down = false;
  world.fail = () => undefined;
  await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 1, handedOn: 1 });
  expect(world.written).toEqual(['b']);
});

test('a start that is not answered is aborted with the attempt', async () => {
  world = new World([null]);
  let signal: AbortSignal | undefined;
  world.startOwnWorkflow = (_start, _record, given) => {
    signal = given;
    return new Promise(() => undefined);
  };
  const short = { ...LOCAL, startToCloseTimeoutMs: 500 + 50 };
  await expect(world.run(short)).rejects.toMatchObject({ type: 'Unfinished' });
  expect(signal!.aborted).toBe(true);
});

test('records at the same offsets are not delivered if the topic was created again', async () => {
  world = new World(ids(3), true);
  world.chunk.timestamp -= 1;
  await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 0, expired: 3 });
  expect(world.written).toEqual([]);
});

describe('duplicates in a chunk', () => {
  test('are skipped if the first message is in the same chunk', async () => {
    world = new World(['a', 'b', 'a', 'a']);
    await expect(world.run()).resolves.toMatchObject({ delivered: 2, duplicates: 2 });
    expect(world.written.sort()).toEqual(['a', 'b']);
    expect(world.duplicates).toEqual(['a recent', 'a recent']);
    expect(world.checked).toBe(4);
  });

  test('are delivered if the first message fails', async () => {
    world = new World(['a', 'a']);
    world.fail = (_, attempt) => (attempt === 1 ? 'Permanent' : undefined);
    await expect(world.run()).resolves.toMatchObject({ delivered: 1, handedOn: 1 });
    expect(world.handedOn).toEqual(['test-a-0']);
  });

  test('wait for the first message if it is in flight elsewhere', async () => {
    world = new World(['a', 'b']);
    const key = contentKey('a', Buffer.from('{"id":"a"}'));
    expect(world.recent.enter(key, 'another')).toBe('new');
    const result = world.run();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(world.written).toEqual(['b']);
    world.recent.leave(key, 'another', true);
    await expect(result).resolves.toMatchObject({ delivered: 1, duplicates: 1 });
  });

  test('release their locks when the attempt fails', async () => {
    world = new World(ids(20));
    world.fail = () => 'Transient';
    await expect(world.run()).rejects.toBeInstanceOf(ApplicationFailure);
    expect(world.idempotency.stats()).toMatchObject({ locks: 0, size: 0 });
  });
});

describe('one object for a chunk', () => {
  test('holds the valid and new records in order', async () => {
    world = new World(['a', null, 'b', 'a']);
    const calls: string[][] = [];
    world.writeChunk = (records, range) => {
      calls.push(records.map(({ messageId }) => messageId));
      expect(range).toMatchObject({ first: 0, last: 3 });
      return Promise.resolve({ outcome: 'written' });
    };
    const expected = { delivered: 2, duplicates: 1, handedOn: 1, expired: 0 };
    await expect(world.run()).resolves.toEqual(expected);
    expect(calls).toEqual([['a', 'b']]);
  });

  test('is replaced by single writes if the sink refuses it for good, and only the bad record leaves', async () => {
    world = new World(['a', 'b', 'c']);
    world.writeChunk = () => Promise.reject(new DeliveryError('Permanent', 'one is bad'));
    world.fail = ({ messageId }) => (messageId === 'b' ? 'Permanent' : undefined);
    await expect(world.run()).resolves.toMatchObject({ delivered: 2, handedOn: 1 });
    expect(world.written).toEqual(['a', 'c']);
    expect(world.handedOn).toEqual(['test-b-1']);
  });

  test('is followed by single writes of the records that the object lacks', async () => {
    world = new World(['a', 'b', 'c']);
    world.writeChunk = (records) =>
      Promise.resolve({ outcome: 'duplicate', without: records.slice(1) });
    await expect(world.run()).resolves.toMatchObject({ delivered: 2, duplicates: 1 });
    expect(world.written).toEqual(['b', 'c']);
    expect(world.duplicates).toEqual(['a sink']);
  });

  test('is tried again as a whole if it fails temporarily', async () => {
    world = new World(ids(20));
    let calls = 0;
    world.writeChunk = () =>
      ++calls === 1
        ? Promise.reject(new DeliveryError('Transient', 'down'))
        : Promise.resolve({ outcome: 'written' });
    await expect(world.run()).rejects.toMatchObject({ type: 'Transient' });
    await expect(world.run(REGULAR)).resolves.toMatchObject({ delivered: 20 });
    // An alert compares failures with successes: an object of 20 records must not fail 20 times and succeed once.
    expect(world.attempts).toEqual(['Transient', 'succeeded']);
  });

  test('keeps its records, however few, while it fails, because a write that timed out can still land', async () => {
    world = new World(['a', 'b', 'c']);
    world.writeChunk = () => Promise.reject(new DeliveryError('Transient', 'timed out'));
    for (const attempt of [1, 6, 30]) {
      await expect(world.run({ ...REGULAR, attempt })).rejects.toMatchObject({ type: 'Transient' });
    }
    expect(world.handedOn).toEqual([]);
  });
});
