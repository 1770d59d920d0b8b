import { StreamConsumer } from '../../../src/bridge/consumer/stream-consumer';
import type { WindowEntry } from '../../../src/bridge/partition/partition-window';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { FakeConsumer } from '../support/fake-consumer';
import { fakeOffsets, fetchedBatch } from '../support/fetched-batch';
import { deferred, keepingLogger, settled, until, fakeLane } from '../support/fakes';
import type { Lane } from '../../../src/bridge/lane';

const { KafkaJSProtocolError } = jest.requireActual<{
  KafkaJSProtocolError: new (error: object) => Error;
}>('kafkajs');
const protocolError = (type: string) => new KafkaJSProtocolError({ type, message: type });

class World {
  readonly fake = new FakeConsumer();
  readonly accepted: WindowEntry[] = [];
  readonly fatal: unknown[] = [];
  lost = 0;
  /** kafkajs calls this before each request to join. */
  asksToJoin: () => void = () => undefined;
  readonly log = keepingLogger();
  readonly consumer: StreamConsumer;
  /** The broker's state: the group's committed offset, its metadata, and `low`, the first offset of the partition. */
  committed = '-1';
  metadata: string | null = null;
  low = 0;
  kafkaIsAway = false;
  /** Whether no broker leads the partition. */
  leaderless = false;
  /** Whether somebody has skipped the unreadable batch. */
  isStarted: () => Promise<boolean> = () => Promise.resolve(false);
  /** If set, the broker refuses each commit with this error. */
  refusal: Error | undefined;
  /** How often the consumer has asked where the log ends. */
  measured = 0;

  readonly #offsets = fakeOffsets(() => {
    this.measured++;
    return this.kafkaIsAway ? Promise.reject(new Error('no broker')) : Promise.resolve(this.low);
  });

  constructor(lane: 'record' | 'chunk' = 'record', limits?: { records: number; bytes: number }) {
    this.consumer = new StreamConsumer({
      stream: testStream({ execution: { lane } }),
      group: {
        createConsumer: ({ onJoining }) => {
          this.asksToJoin = onJoining;
          return this.fake.consumer;
        },
        committed: () =>
          Promise.resolve([{ partition: 0, offset: this.committed, metadata: this.metadata }]),
        offsets: {
          ends: (topic) => (this.leaderless ? Promise.resolve([]) : this.#offsets.ends(topic)),
          close: () => Promise.resolve(),
        },
      },
      metrics: createMetrics(),
      logger: this.log.logger,
      ...(limits && { limits }),
      recentIds: () => 7,
      stalledAfterMs: 100,
      silentAfterMs: 300,
      stallCause: ({ waiting }) => ({ reason: waiting ? 'records_waiting' : 'no_fetch' }),
      isStarted: () => this.isStarted(),
      onFatal: (error) => this.fatal.push(error),
    });
  }

  start(): Promise<void> {
    const accept: Lane['accept'] = (entries) => void this.accepted.push(...entries);
    return this.consumer.start(fakeLane({ accept, dropRevoked: () => void this.lost++ }));
  }

  async join(memberId: string, partitions = [0]): Promise<void> {
    const { topic } = testStream();
    this.fake.emit('join', { payload: { memberId, memberAssignment: { [topic]: partitions } } });
    await settled();
  }

  /** Gives the consumer a batch with these offsets. Returns the offset that the consumer resolved. */
  async batch(...offsets: number[]): Promise<string | undefined> {
    return this.fetched(offsets[0]!, ...offsets);
  }

  /** Gives the consumer a batch with these offsets, from a fetch that began at `from`. */
  async fetched(from: number, ...offsets: number[]): Promise<string | undefined> {
    return this.give({ fetchOffset: from, records: recordsAt(...offsets) });
  }

  async give(given: Parameters<typeof fetchedBatch>[0]): Promise<string | undefined> {
    let resolved: string | undefined;
    await this.fake.handler({
      batch: fetchedBatch(given),
      resolveOffset: (offset: string) => (resolved = offset),
      pause: () => undefined,
      commitOffsetsIfNecessary: ({
        topics: [{ partitions }],
      }: {
        topics: [{ partitions: { offset: string; metadata: string }[] }];
      }) => {
        if (this.refusal) return Promise.reject(this.refusal);
        ({ offset: this.committed, metadata: this.metadata } = partitions[0]!);
        return Promise.resolve();
      },
    });
    return resolved;
  }

  finish(...offsets: number[]): void {
    for (const entry of this.accepted) {
      if (offsets.includes(entry.record.offset)) entry.window.finish(entry);
    }
  }

  get offsets(): number[] {
    return this.accepted.map(({ record }) => record.offset);
  }
}

const recordsAt = (...offsets: number[]) => offsets.map((offset) => kafkaRecord({ offset }));

let world: World;
async function begin(...args: ConstructorParameters<typeof World>): Promise<void> {
  world = new World(...args);
  await world.start();
}
afterEach(() => world.consumer.stop());

test('a consumer that is stopped while it joins leaves the group after it has joined', async () => {
  world = new World();
  const steps: string[] = [];
  let joined!: () => void;
  world.fake.run = () =>
    new Promise((resolve) => {
      joined = () => {
        steps.push('joined');
        resolve();
      };
    });
  world.fake.disconnect = () => Promise.resolve(void steps.push('disconnected'));
  const started = world.start();
  await settled();
  const stopped = world.consumer.stop();
  await settled();
  joined();
  await Promise.all([started, stopped]);
  expect(steps).toEqual(['joined', 'disconnected']);
});

test('a consumer that is stopped before it joins does not join', async () => {
  world = new World();
  const run = jest.spyOn(world.fake, 'run');
  const started = world.start();
  world.consumer.pause();
  await started;
  expect(run).not.toHaveBeenCalled();
});

test('a batch is taken once, and the commit stays at the first unfinished record', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  expect(await world.batch(10, 11, 12)).toBe('12');
  expect(world.offsets).toEqual([10, 11, 12]);
  world.finish(10, 12);
  await world.consumer.commit();
  expect(world.committed).toBe('11');
  // The same member gets the partition again, from its last commit.
  await world.join('a');
  expect(await world.batch(11, 12, 13)).toBe('13');
  expect(world.offsets).toEqual([10, 11, 12, 13]);
});

test('a consumer with a new member id reads again from the commit, because others may have had the partition', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  await world.batch(10, 11);
  const [first] = world.accepted;
  await world.join('b');
  expect(first!.window.revoked).toBe(true);
  await world.batch(10, 11);
  expect(world.offsets).toEqual([10, 11, 10, 11]);
});

test('a consumer that asked twice to join drops its records, even if its member id is the same', async () => {
  await begin();
  world.committed = '10';
  world.asksToJoin();
  await world.join('a');
  await world.batch(10, 11);
  world.asksToJoin();
  await world.join('a');
  expect(world.accepted[0]!.window.revoked).toBe(false);
  world.asksToJoin();
  world.asksToJoin();
  await world.join('a');
  expect(world.accepted[0]!.window.revoked).toBe(true);
});

test('the reason of a refused commit is kept until a commit is accepted', async () => {
  await begin();
  await world.join('a');
  await world.batch(0);
  const [{ window }] = world.accepted as [WindowEntry];
  world.finish(0);
  world.refusal = protocolError('OFFSET_METADATA_TOO_LARGE');
  await world.consumer.commit();
  expect(window.commitFault).toBe('OFFSET_METADATA_TOO_LARGE');
  world.refusal = undefined;
  await world.consumer.commit();
  expect(window.commitFault).toBeUndefined();
  expect(world.committed).toBe('1');
});

test('nothing is committed between a request to join and its answer', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  await world.batch(10, 11);
  world.finish(10);
  world.asksToJoin();
  await world.consumer.commit();
  expect(world.committed).toBe('10');
  await world.join('a');
  await world.consumer.commit();
  expect(world.committed).toBe('11');
});

test('a fetch from an earlier ownership is refused if it would skip records', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  expect(await world.batch(14, 15)).toBeUndefined();
  expect(world.offsets).toEqual([]);
  expect(await world.batch(10, 11)).toBe('11');
  expect(await world.batch(20)).toBeUndefined();
  expect(world.offsets).toEqual([10, 11]);
});

test('a fetch beyond the next offset is refused, and the consumer seeks back to the next offset', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  await world.batch(10, 11);
  expect(await world.batch(20)).toBeUndefined();
  expect(world.fake.sought).toEqual([{ topic: 'topic', partition: 0, offset: '12' }]);
});

test('a log is not taken for one that went back if a commit comes between a join and its first batch', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  await world.batch(10, 11, 12);
  await world.join('a');
  world.finish(10, 11, 12);
  await world.consumer.commit();
  expect(world.committed).toBe('13');
  // The fetch began before the commit.
  expect(await world.batch(10, 11, 12)).toBe('12');
  expect(await world.batch(13)).toBe('13');
  expect(world.offsets).toEqual([10, 11, 12, 13]);
  expect(world.log.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

test('an offset with which kafkajs means the beginning is not taken for a commit', async () => {
  await begin();
  world.committed = '-2';
  await world.join('a');
  await world.batch(0);
  expect(world.accepted[0]!.window.initialOffset).toBeUndefined();
});

test('the lane drops the records of a partition that was lost in a join', async () => {
  await begin();
  await world.join('a');
  await world.batch(0);
  const before = world.lost;
  await world.join('b');
  expect(world.lost).toBe(before + 1);
  expect(world.accepted[0]!.window.revoked).toBe(true);
});

test('the consumer logs an error for unread records that retention deleted, and reads on', async () => {
  await begin();
  world.committed = '10';
  world.low = 14;
  await world.join('a');
  expect(await world.batch(14, 15)).toBe('15');
  expect(world.offsets).toEqual([14, 15]);
  expect(world.log.lines).toContainEqual(
    expect.objectContaining({
      level: 50,
      from: 10,
      to: 13,
      msg: 'Retention has deleted records that were not read',
    }),
  );
});

test('a log that went back is read again from its beginning', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  await world.batch(10, 11);
  world.finish(10, 11);
  await world.consumer.commit();
  expect(await world.batch(0, 1)).toBe('1');
  expect(world.offsets).toEqual([10, 11, 0, 1]);
  expect(world.log.lines.some(({ level }) => level === 50)).toBe(true);
  world.finish(0, 1);
  await world.consumer.commit();
  expect(world.committed).toBe('2');
});

describe('a log that differs from the one that was read', () => {
  const epochs = [
    { offset: 10, epoch: 3 },
    { offset: 12, epoch: 4 },
  ];
  const before = { topicId: 'id', epochs, fetchOffset: 10, records: recordsAt(10, 11, 12, 13) };
  const asked = { topicId: 'id', fetchOffset: 14, lastEpoch: 4 };
  const nothing = { ...asked, records: [], nextOffset: 14 };
  const seeks = () => (world.fake.sought as { offset: string }[]).map(({ offset }) => offset);
  const finishAll = async () => {
    world.finish(...world.offsets);
    await world.consumer.commit();
  };

  beforeEach(async () => {
    await begin();
    world.committed = '10';
    await world.join('a');
    await world.give(before);
  });

  test('is read on from its new end if it has lost its end', async () => {
    await finishAll();
    await world.give({ ...nothing, divergence: { epoch: 4, endOffset: 13 } });
    expect(seeks()).toEqual(['13']);
    await world.give({ ...nothing, fetchOffset: 13, records: recordsAt(13, 14), nextOffset: 15 });
    expect(world.offsets).toEqual([10, 11, 12, 13, 13, 14]);
    const text = expect.stringMatching(/lost its end/) as string;
    const places = { topic: 'topic', partition: 0, fetched: 14, goesOnAt: 13 };
    expect(world.log.lines).toContainEqual(expect.objectContaining({ msg: text, ...places }));
  });

  test('is read from the start of the leader epoch that it no longer has', async () => {
    await finishAll();
    await world.give({ ...nothing, divergence: { epoch: 3, endOffset: 20 } });
    expect(seeks()).toEqual(['12']);
  });

  test('is read from the first unfinished record if that is below its new end', async () => {
    world.finish(10, 12, 13);
    await world.give({ ...nothing, divergence: { epoch: 4, endOffset: 13 } });
    expect(seeks()).toEqual(['11']);
  });

  test('is detected by the next owner from the metadata of the commit', async () => {
    await finishAll();
    const log = {
      id: 'id',
      epochs: [
        [10, 3],
        [12, 4],
      ],
    };
    expect(JSON.parse(world.metadata!)).toMatchObject({ log });
    await world.join('b');
    await world.give({ ...nothing, divergence: { epoch: 3, endOffset: 20 } });
    expect(seeks()).toEqual(['12']);
  });

  test('is not read with a fetch that began before the commit was known', async () => {
    await finishAll();
    await world.join('b');
    const behind = { topicId: 'id', fetchOffset: 14, records: recordsAt(14, 15) };
    expect(await world.give(behind)).toBeUndefined();
    expect(await world.give({ ...behind, lastEpoch: 4 })).toBe('15');
  });

  test('is read from its beginning if its topic was made anew', async () => {
    await finishAll();
    await world.join('b');
    expect(await world.give({ ...before, topicId: 'other', fetchOffset: 14 })).toBeUndefined();
    expect(seeks()).toEqual(['0']);
    // The consumer does not take an answer that was under way for the beginning.
    await world.give({ topicId: 'other', fetchOffset: 14, records: recordsAt(14, 15) });
    expect(seeks()).toEqual(['0', '0']);
    await world.give({ topicId: 'other', fetchOffset: 0, records: recordsAt(0, 1) });
    expect(world.offsets).toEqual([10, 11, 12, 13, 0, 1]);
  });
});

test('a record that is finished between a crash and the restart causes no fatal error', async () => {
  await begin('record', { records: 2, bytes: 1e6 });
  world.committed = '0';
  await world.join('a');
  await world.batch(0, 1);
  const { window } = world.accepted[0]!;
  expect(window.paused).toBe(true);
  world.fake.hasGroup = false;
  world.fake.emit('crash', { payload: { error: new Error('gone'), restart: true } });
  world.finish(0, 1);
  expect(() => world.consumer.finished(window)).not.toThrow();
  expect(() => world.consumer.pause()).not.toThrow();
  expect(world.fatal).toEqual([]);
});

test('a consumer without a partition is ready, and its notice says that no partition is assigned', async () => {
  await begin();
  expect(world.consumer.notices()).toEqual({});
  expect(world.consumer.fault()).toBe('has not joined its consumer group');
  await world.join('a');
  expect(world.consumer.notices()).toEqual({});
  world.fake.emit('join', { payload: { memberId: 'a', memberAssignment: {} } });
  expect(world.consumer.fault()).toBeUndefined();
  const notice = expect.stringMatching(/^no partition is assigned/) as string;
  expect(Object.values(world.consumer.notices())).toEqual([notice]);
});

test('a crash is fatal if kafkajs does not restart the consumer', async () => {
  await begin();
  await world.join('a');
  const error = new Error('not authorised');
  world.fake.emit('crash', { payload: { error, restart: false } });
  expect(world.fatal).toEqual([error]);
  expect(world.consumer.fault()).toBe('has not joined its consumer group');
});

test.each([
  ['GROUP_LOAD_IN_PROGRESS', 40, 'Kafka still loads the consumer group; it is joined again'],
  ['REQUEST_TIMED_OUT', 50, 'Kafka consumer crashed'],
])('a crash with %s, after which kafkajs joins again, is logged', async (type, level, msg) => {
  await begin();
  world.fake.emit('crash', { payload: { error: protocolError(type), restart: true } });
  expect(world.log.lines.filter((line) => line.level >= 40)).toEqual([
    expect.objectContaining({ level, msg }),
  ]);
  expect(world.fatal).toEqual([]);
});

test.each([
  ['INCONSISTENT_GROUP_PROTOCOL', /^consumer group \S+ already has members that assign.*groupId/],
  ['INVALID_SESSION_TIMEOUT', /consumer group \S+ .*15000 ms: set group.min.session.timeout.ms/],
])(
  'the fatal error names the group and what to do if the group refuses the member with %s',
  async (type, text) => {
    await begin();
    const error = protocolError(type);
    world.fake.emit('crash', { payload: { error, restart: false } });
    expect(world.fatal).toEqual([
      expect.objectContaining({ message: expect.stringMatching(text) as string, cause: error }),
    ]);
  },
);

describe('the start of a chain of chunks', () => {
  test('is the committed offset of the group, even if retention has deleted it', async () => {
    await begin('chunk');
    world.committed = '7';
    await world.join('a');
    await world.batch(9, 10);
    expect(world.offsets).toEqual([]);
    world.low = 9;
    await world.batch(9, 10);
    await expect(world.consumer.committedStart(world.accepted[0]!.window)).resolves.toBe(7);
    // The commit moves to 9. Kafka would replace a lower commit by the beginning of the log, whatever that is by then.
    expect([world.committed, JSON.parse(world.metadata!)]).toEqual([
      '9',
      expect.objectContaining({ chain: 7 }),
    ]);
  });

  test('is committed before the first chunk if the group has never committed', async () => {
    await begin('chunk');
    await world.join('a');
    await world.batch(3, 4);
    await expect(world.consumer.committedStart(world.accepted[0]!.window)).resolves.toBe(3);
    expect(world.committed).toBe('3');
  });

  test('is the offset where the first fetch began, even if its first record comes later', async () => {
    await begin('chunk');
    await world.join('a');
    await world.fetched(3, 5, 6);
    await expect(world.consumer.committedStart(world.accepted[0]!.window)).resolves.toBe(3);
  });

  test('is the offset where Kafka goes on after the log went back', async () => {
    await begin('chunk');
    world.committed = '10';
    await world.join('a');
    await world.batch(10, 11);
    await world.fetched(4, 5, 6);
    const { window } = world.accepted.at(-1)!;
    await expect(world.consumer.committedStart(window)).resolves.toBe(4);
    expect(world.committed).toBe('4');
  });

  test('moves to the end of a chunk only when all offsets of that chunk are fetched', async () => {
    await begin('chunk');
    world.committed = '10';
    await world.join('a');
    await world.batch(10, 11);
    const { window } = world.accepted[0]!;
    window.advanceTo(10);
    window.advanceTo(14);
    await world.consumer.commit();
    expect(world.committed).toBe('10');
    expect(await world.batch(12, 13)).toBe('13');
    await world.consumer.commit();
    expect(world.committed).toBe('14');
    expect(world.log.lines.filter(({ level }) => level >= 50)).toEqual([]);
  });

  test('stays in the metadata when offsets behind it that belong to no chunk are committed', async () => {
    await begin('chunk');
    world.committed = '10';
    await world.join('a');
    await world.give({ fetchOffset: 10, records: [], nextOffset: 13 });
    await world.consumer.commit();
    expect(world.committed).toBe('13');
    // The next owner begins the same chunk as an owner that has lost the partition without knowing it.
    await world.join('b');
    await world.give({ fetchOffset: 13, records: recordsAt(13) });
    await expect(world.consumer.committedStart(world.accepted[0]!.window)).resolves.toBe(10);
  });

  test('stays in the metadata, and the commit stays too, while a record waits', async () => {
    await begin('chunk');
    world.committed = '10';
    await world.join('a');
    await world.batch(10);
    const { window } = world.accepted[0]!;
    window.advanceTo(11);
    world.finish(10);
    await world.give({ fetchOffset: 11, records: [], nextOffset: 13 });
    await world.consumer.commit();
    expect(world.committed).toBe('13');
    await world.batch(13);
    await world.consumer.commit();
    expect(world.committed).toBe('13');
    expect(JSON.parse(world.metadata!)).toMatchObject({ chain: 11 });
    window.advanceTo(14);
    world.finish(13);
    await world.consumer.commit();
    expect(world.committed).toBe('14');
    expect(JSON.parse(world.metadata!)).not.toHaveProperty('chain');
  });

  test('is undefined once the partition is lost', async () => {
    await begin('chunk');
    await world.join('a');
    await world.batch(3);
    const { window } = world.accepted[0]!;
    await world.join('b');
    await expect(world.consumer.committedStart(window)).resolves.toBeUndefined();
  });
});

test('counts that were not committed are kept when their partition is lost', async () => {
  await begin();
  await world.join('a');
  const old = world.consumer.countersOf(0);
  old.add('delivered', 3);
  await world.join('b');
  // A workflow that was started before the join has ended.
  old.add('delivered');
  await world.batch(0);
  world.finish(0);
  await world.consumer.commit();
  expect(JSON.parse(world.metadata!)).toMatchObject({ delivered: 4 });
});

test('counts of a partition without records are committed with another partition', async () => {
  await begin();
  await world.join('a', [0, 1]);
  world.consumer.countersOf(1).add('delivered', 3);
  await world.join('b', [1, 0]);
  // Partition 1 has no records.
  await world.batch(0);
  world.finish(0);
  await world.consumer.commit();
  expect(JSON.parse(world.metadata!)).toMatchObject({ delivered: 3 });
});

describe('the process of a consumer', () => {
  test('ends if no heartbeat comes while Kafka answers other requests', async () => {
    await begin();
    await world.join('a');
    await until('it is given up', () => world.fatal.length > 0);
    expect(String(world.fatal[0])).toMatch(/topic is silent for \d+ ms, and Kafka answers/);
  });

  test('goes on while heartbeats come', async () => {
    await begin();
    await world.join('a');
    const heartbeats = setInterval(() => world.fake.emit('heartbeat', {}), 20);
    const { measured } = world;
    await until('it was looked at for long', () => world.measured > measured + 20);
    clearInterval(heartbeats);
    expect(world.fatal).toEqual([]);
  });

  test('ends without heartbeats even if the consumer fetches, because it may fetch without being a member', async () => {
    await begin();
    await world.join('a');
    const fetches = setInterval(() => world.fake.emit('fetch', {}), 20);
    await until('it is given up', () => world.fatal.length > 0);
    clearInterval(fetches);
  });

  test('goes on without heartbeats while Kafka is not reachable, or while the group is joining', async () => {
    await begin();
    await world.join('a');
    world.kafkaIsAway = true;
    let before = world.measured;
    await until('it was looked at for long', () => world.measured > before + 20);
    world.kafkaIsAway = false;
    world.asksToJoin();
    before = world.measured;
    await until('it was looked at for long', () => world.measured > before + 20);
    expect(world.fatal).toEqual([]);
  });

  test('ends if kafkajs gives up because a right is missing', async () => {
    await begin();
    await world.join('a');
    const error = new Error('Not authorized to access group');
    world.fake.emit('crash', { payload: { error, restart: false } });
    expect(world.fatal).toEqual([error]);
  });
});

test('a partition is not paused if it is lost while Temporal is asked about its unreadable batch', async () => {
  await begin();
  await world.join('a');
  const asked = deferred<boolean>();
  world.isStarted = () => asked.promise;
  const unreadable = { offset: 0, nextOffset: 5, cause: 'wrong bytes', bytes: Buffer.alloc(1) };
  const given = world.give({ fetchOffset: 0, records: [], nextOffset: 0, unreadable });
  await settled();
  // The member id is new. Others may have had the partition, so it is read again from the commit.
  await world.join('b');
  const { pauses } = world.fake;
  asked.resolve(false);
  await given;
  expect(world.fake.pauses).toBe(pauses);
  expect(await world.batch(0, 1)).toBe('1');
});

test('a partition is reported as stalled if it has no leader that can be reached', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  world.leaderless = true;
  const heartbeats = setInterval(() => world.fake.emit('heartbeat', {}), 20);
  await until('it is told', () => Object.keys(world.consumer.notices()).length > 0);
  const { name } = testStream();
  expect(world.consumer.notices()[`stalled ${name} topic/0`]).toContain(
    'no_fetch (the partition has no leader, or its leader can not be reached)',
  );
  world.leaderless = false;
  world.low = 1_000;
  await world.fetched(10, 999);
  world.finish(999);
  await world.consumer.commit();
  await until('that is over', () => Object.keys(world.consumer.notices()).length === 0);
  clearInterval(heartbeats);
});

test('a stalled partition has a note in its commit until it goes on', async () => {
  await begin();
  world.committed = '10';
  await world.join('a');
  await world.batch(10, 11);
  const heartbeats = setInterval(() => world.fake.emit('heartbeat', {}), 20);
  const noted = () => (JSON.parse(world.metadata ?? '{}') as { stalled?: object }).stalled;
  await until('it is noted', async () => {
    await world.consumer.commit();
    return noted() !== undefined;
  });
  expect(world.committed).toBe('10');
  expect(noted()).toEqual({ reason: 'records_waiting', since: expect.any(Number) as number });
  const { name } = testStream();
  expect(Object.keys(world.consumer.notices())).toEqual([`stalled ${name} topic/0`]);
  world.finish(10);
  await world.consumer.commit();
  await until('that is seen', () => Object.keys(world.consumer.notices()).length === 0);
  await world.consumer.commit();
  clearInterval(heartbeats);
  expect(world.committed).toBe('11');
  expect(noted()).toBeUndefined();
});

describe.each(['record', 'chunk'] as const)('an unreadable batch in the %s lane', (lane) => {
  const at = (offset: number, topicId = 'id') => ({
    ...{ topicId, fetchOffset: offset, records: [], nextOffset: offset },
    unreadable: { offset, nextOffset: offset + 2, cause: 'wrong bytes', bytes: Buffer.alloc(1) },
  });
  const metadata = () => JSON.parse(world.metadata ?? '{}') as { stalled?: object };
  let heartbeats: NodeJS.Timeout;
  beforeEach(async () => {
    await begin(lane);
    world.low = 3;
    await world.join('a');
    heartbeats = setInterval(() => world.fake.emit('heartbeat', {}), 20).unref();
  });
  afterEach(() => clearInterval(heartbeats));
  const stalledAt = (offset: number) =>
    until(`the stall is noted at ${offset}`, async () => {
      await world.consumer.commit();
      return metadata().stalled !== undefined && world.committed === String(offset);
    });

  test('is committed as the start of the group if it is the first of its partition', async () => {
    await world.give(at(3));
    await world.consumer.commit();
    expect(world.committed).toBe('-1');
    await stalledAt(3);
    expect(metadata()).toMatchObject({ log: { id: 'id' } });
    expect(metadata()).not.toHaveProperty('chain');
  });

  test('makes the next owner begin at the same offset, and with the same chunk', async () => {
    await world.give(at(3));
    await stalledAt(3);
    await world.join('b');
    expect(await world.batch(5, 6)).toBeUndefined();
    expect(world.fake.sought).toEqual([{ topic: 'topic', partition: 0, offset: '3' }]);
    await world.give({ topicId: 'id', fetchOffset: 3, records: recordsAt(3, 5), nextOffset: 6 });
    expect(world.offsets).toEqual([3, 5]);
    await expect(world.consumer.committedStart(world.accepted[0]!.window)).resolves.toBe(3);
  });

  test('does not make the next owner read on in another log if the topic is made anew', async () => {
    await world.give(at(3));
    await stalledAt(3);
    await world.join('b');
    await world.give({ topicId: 'other', fetchOffset: 3, records: recordsAt(3, 4) });
    expect(world.fake.sought).toEqual([{ topic: 'topic', partition: 0, offset: '0' }]);
    expect(world.offsets).toEqual([]);
  });

  test('lets the start of the group move on when retention has deleted it', async () => {
    await world.give(at(3));
    await stalledAt(3);
    // kafkajs resets an offset that is out of range like this.
    world.committed = '-2';
    world.low = 9;
    await world.give(at(9));
    await stalledAt(9);
    const gone = { level: 50, from: 3, to: 8 };
    expect(world.log.lines).toContainEqual(expect.objectContaining(gone));
    world.committed = '-2';
    world.low = 12;
    await world.give({ topicId: 'id', fetchOffset: 12, records: recordsAt(12, 13) });
    await expect(world.consumer.committedStart(world.accepted[0]!.window)).resolves.toBe(12);
    await world.consumer.commit();
    expect(world.committed).toBe('12');
  });

  test('lets the start of the next owner move on too, and the deleted records are logged once', async () => {
    await world.give(at(3));
    await stalledAt(3);
    await world.join('b');
    world.committed = '-2';
    world.low = 9;
    for (let fetches = 0; fetches < 3; fetches++) await world.give(at(9));
    await stalledAt(9);
    const gone = world.log.lines.filter(({ msg }) => /^Retention has deleted/.test(String(msg)));
    expect(gone).toHaveLength(1);
  });

  test('lets the next two owners begin the same chunk if retention has deleted the committed offset', async () => {
    await world.give(at(3));
    await stalledAt(3);
    const baseOf = async (member: string) => {
      await world.join(member);
      if (member === 'b') world.committed = '-2';
      world.low = 9;
      await world.give({ topicId: 'id', fetchOffset: 9, records: recordsAt(9, 10) });
      return world.consumer.committedStart(world.accepted.at(-1)!.window);
    };
    if (lane === 'record') return;
    expect(await baseOf('b')).toBe(3);
    expect([world.committed, metadata()]).toEqual(['9', expect.objectContaining({ chain: 3 })]);
    expect(await baseOf('c')).toBe(3);
  });

  test('leaves no stall note when its partition has nothing more to read', async () => {
    await world.give(at(3));
    await stalledAt(3);
    world.low = 1_000;
    await until('the note has gone', async () => {
      await world.consumer.commit();
      return metadata().stalled === undefined;
    });
    expect(world.committed).toBe('3');
  });
});

test('a commit with a stall note does not move the committed offset back', async () => {
  await begin('chunk');
  await world.join('a');
  await world.give({ topicId: 'id', fetchOffset: 3, records: [], nextOffset: 10 });
  await world.consumer.commit();
  expect([world.committed, world.metadata]).toEqual(['10', expect.stringContaining('"chain":3')]);
  // The chunk of these records is never started.
  await world.give({ topicId: 'id', fetchOffset: 10, records: recordsAt(10, 11) });
  const heartbeats = setInterval(() => world.fake.emit('heartbeat', {}), 20).unref();
  await until('the stall is noted', async () => {
    await world.consumer.commit();
    return world.metadata!.includes('stalled');
  });
  clearInterval(heartbeats);
  expect([world.committed, world.metadata]).toEqual(['10', expect.stringContaining('"chain":3')]);
});

test('a chunk begins only at an offset whose commit Kafka has accepted', async () => {
  await begin('chunk');
  await world.join('a');
  const unreadable = { offset: 3, nextOffset: 5, cause: 'wrong bytes', bytes: Buffer.alloc(1) };
  await world.give({ fetchOffset: 3, records: [], nextOffset: 3, unreadable });
  const heartbeats = setInterval(() => world.fake.emit('heartbeat', {}), 20).unref();
  await until('the beginning is committed', async () => {
    await world.consumer.commit();
    return world.committed === '3';
  });
  clearInterval(heartbeats);
  world.low = 9;
  await world.batch(9, 10);
  world.refusal = protocolError('COORDINATOR_LOAD_IN_PROGRESS');
  let begun: number | undefined;
  const base = world.consumer
    .committedStart(world.accepted[0]!.window)
    .then((first) => (begun = first));
  await settled();
  expect(begun).toBeUndefined();
  world.refusal = undefined;
  await base;
  expect([begun, world.committed]).toEqual([9, '9']);
});
