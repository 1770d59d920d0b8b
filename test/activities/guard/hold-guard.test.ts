import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createActivities } from '../../../src/activities/create-activities';
import { recordMark, type DeadRecord, type Head } from '../../../src/domain/stream/hold';
import { keyHash } from '../../../src/domain/workflow/key-hash';
import {
  encodeContent,
  type KafkaRecord,
  type RecordInput,
} from '../../../src/domain/record/record';
import { startOfInvalidRecord } from '../../../src/domain/workflow/record-start';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { noChunks } from '../support/no-chunks';

const key = Buffer.from('k');
const hash = keyHash('key', kafkaRecord({ key }))!;

/** Notes all calls of the sink, of the dead-letter topic and of the holds, in their order. */
class World {
  readonly log: unknown[] = [];
  heads: () => Promise<Map<string, Head>> = () => Promise.resolve(new Map<string, Head>());
  delivered = (record: DeadRecord) => {
    this.log.push(['delivered', record]);
    return Promise.resolve();
  };
  hold = () => Promise.resolve();
  onBroker: KafkaRecord[] = [];

  isHeldBy(...head: Head): this {
    this.heads = () => Promise.resolve(new Map([[hash, head]]));
    return this;
  }

  #activities() {
    return createActivities({
      stream: testStream({
        ordering: 'key',
        afterDeadLetter: 'hold',
        sink: ({ messageId }) => {
          this.log.push(['sink', messageId]);
          return Promise.resolve();
        },
      }),
      deadLetters: {
        write: (_, { offset }) => {
          this.log.push(['letter', offset]);
          return Promise.resolve();
        },
      },
      holds: {
        heads: () => this.heads(),
        hold: async (_: unknown, record: DeadRecord) => {
          await this.hold();
          this.log.push(['hold', record]);
        },
        delivered: (_: unknown, record: DeadRecord) => this.delivered(record),
      } as never,
      chunks: { ...noChunks, reader: { ...noChunks.reader, read: () => this.#read() } },
      events: {
        duplicateAtSink: () => undefined,
        deadLettered: () => undefined,
        attemptFailed: (_, type, message) => this.log.push([type, message]),
        attemptSucceeded: () => undefined,
      },
    });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
  async *#read() {
    yield* this.onBroker;
  }

  deliver(info: object = {}, given: Partial<KafkaRecord> = { key }) {
    const record = kafkaRecord(given);
    const { topic, partition, offset, timestamp } = record;
    const input: RecordInput = {
      ...{ stream: 'test', messageId: '42', topic, partition, offset, timestamp },
      content: encodeContent(record),
    };
    const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
    return environment.run(() => this.#activities().deliver(input, 0)).catch(failureOf);
  }

  deadLetter(record: Parameters<ReturnType<typeof createActivities>['deadLetter']>[0]) {
    const failure = { type: 'Permanent', message: 'no', attempts: 1 };
    return new MockActivityEnvironment().run(() => this.#activities().deadLetter(record, failure));
  }
}

function failureOf(error: unknown) {
  if (!(error instanceof ApplicationFailure)) throw error;
  const { type, message, nonRetryable, details } = error;
  return { type, message, nonRetryable, details };
}

let world: World;
beforeEach(() => (world = new World()));

const LOCAL = { isLocal: true };

describe('a record', () => {
  test.each([{}, LOCAL])('is delivered if its key is not held (attempt: %j)', async (info) => {
    await expect(world.deliver(info)).resolves.toMatchObject({ outcome: 'delivered' });
    expect(world.log).toEqual([['sink', '42']]);
  });

  test('is delivered if it has no key, and the holds are not asked', async () => {
    world.heads = () => Promise.reject(new Error('asked'));
    await expect(world.deliver({}, { key: null })).resolves.toMatchObject({ outcome: 'delivered' });
  });

  test.each([{}, LOCAL])(
    'is refused for good behind a dead record of its key (attempt: %j)',
    async (info) => {
      world.isHeldBy(3, 'other');
      await expect(world.deliver({ ...info, attempt: 2 })).resolves.toEqual({
        type: 'HeldByKey',
        message: 'its key is held: the record topic/0@3 before it is dead-lettered',
        nonRetryable: true,
        details: [{ attempt: 1 }],
      });
      expect(world.log).toEqual([]);
    },
  );

  test('is tried again if the holds do not answer whether its key is held', async () => {
    world.heads = () => Promise.reject(new Error('no answer'));
    await expect(world.deliver()).resolves.toMatchObject({
      ...{ type: 'Transient', nonRetryable: false },
      message: 'could not ask whether its key is held: no answer',
    });
    expect(world.log).toEqual([['Transient', 'could not ask whether its key is held: no answer']]);
  });
});

describe('the head of a held key', () => {
  test.each<[string, Head, number]>([
    ['by its place', [7, 'then'], 7],
    ['by its message id', [3, recordMark('42', null)], 7],
  ])('is recognised %s and delivered, and then its key goes on', async (_, head, offset) => {
    world.isHeldBy(...head);
    await expect(world.deliver()).resolves.toMatchObject({ outcome: 'delivered' });
    expect(world.log).toEqual([
      ['sink', '42'],
      ['delivered', [hash, [offset, head[1]]]],
    ]);
  });

  test('leaves the workflow task before the sink is called', async () => {
    world.isHeldBy(7, 'then');
    await expect(world.deliver({ ...LOCAL, attempt: 1 })).resolves.toMatchObject({
      ...{ type: 'HeadOfKey', nonRetryable: false },
      details: [{ attempt: 0 }],
    });
    expect(world.log).toEqual([]);
  });

  test('is tried again if its delivery could not be reported to the holds', async () => {
    world.isHeldBy(7, 'then');
    world.delivered = () => Promise.reject(new Error('no answer'));
    await expect(world.deliver()).resolves.toMatchObject({
      ...{ type: 'Transient', nonRetryable: false },
      message: 'it is at the sink, and its key could not be told: no answer',
    });
  });

  test('is delivered again, not held, if the success of its earlier attempt was not reported', async () => {
    world.isHeldBy(9, 'next', 7);
    await expect(world.deliver({ attempt: 2 })).resolves.toMatchObject({ outcome: 'delivered' });
    expect(world.log).toEqual([['sink', '42']]);
  });
});

describe('a dead letter', () => {
  const start = (given: Partial<KafkaRecord>) =>
    startOfInvalidRecord(testStream(), kafkaRecord(given), {
      type: 'SchemaMismatch',
      message: 'no',
    }).args[0];

  test('holds its key before it is written', async () => {
    await world.deadLetter({ ...start({ key }), messageId: '42' });
    expect(world.log).toEqual([
      ['hold', [hash, [7, recordMark('42', null)]]],
      ['letter', 7],
    ]);
  });

  test("is not written if its key can't be held", async () => {
    world.hold = () => Promise.reject(new Error('full'));
    await expect(world.deadLetter(start({ key }))).rejects.toThrow('full');
    expect(world.log).toEqual([]);
  });

  test('holds nothing if its record has no key', async () => {
    await world.deadLetter(start({}));
    expect(world.log).toEqual([['letter', 7]]);
  });

  test('holds the key that is read from the topic if its record is too large for a workflow', async () => {
    const large = { key, value: Buffer.alloc(2_100_000, 'x') };
    world.onBroker = [kafkaRecord(large)];
    await world.deadLetter(start(large));
    expect(world.log[0]).toEqual(['hold', [hash, [7, recordMark(undefined, large.value)]]]);
  });

  test('is written even if retention has deleted its record meanwhile', async () => {
    await world.deadLetter(start({ key, value: Buffer.alloc(2_100_000, 'x') }));
    expect(world.log).toEqual([['letter', 7]]);
  });
});
