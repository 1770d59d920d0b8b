import { StreamConsumer } from '../../../src/bridge/consumer/stream-consumer';
import { withAdmin, type KafkaSettings } from '../../../src/kafka/kafka';
import { createGroupClient } from '../../../src/kafka/group-client';
import { DeliveryError } from '../../../src/domain/errors';
import type { AnyStream, ExecutionOptions } from '../../../src/domain/stream/stream';
import { createMetrics } from '../../../src/telemetry/metrics';
import { streamStatus } from '../../../src/operations/status/status';
import { fakeLane, keepingLogger } from '../../bridge/support/fakes';
import { s3Sink } from '../../../src/sinks/object-store/s3';
import { KafkaProxy } from '../support/kafka-proxy';
import { S3Store } from '../support/s3-store';
import { counterValue, message, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

const messages = (count: number) => Array.from({ length: count }, (_, i) => message(`m${i}`));

describe.each<{ execution: ExecutionOptions; reason: string; workflowId: RegExp }>([
  { execution: { lane: 'record' }, reason: 'max_open', workflowId: /-m\d-\d$/ },
  {
    execution: { lane: 'chunk', maxRecords: 1, lingerMs: 0 },
    reason: 'chunk_open',
    workflowId: /-chunk-/,
  },
])('in the $execution.lane lane', ({ execution, reason, workflowId }) => {
  test('a partition that waits for its sink is reported by status, /readyz, log and metrics until it continues', async () => {
    world.bridgeOptions = { stalledAfterMs: 1_000 };
    const { stream, sink } = await world.stream({ partitions: 1, maxOpen: 3, execution });
    let down = true;
    sink.before = () => {
      if (down) throw new DeliveryError('Throttled', 'away', { retryAfterMs: 1_000 });
    };
    const bridge = await world.bridge(stream);
    await world.send(stream.topic, messages(20));
    await until('it is stalled', () => Object.keys(bridge.notices!()).length > 0);
    const [[name, text]] = Object.entries(bridge.notices!()) as [[string, string]];
    expect(name).toBe(`stalled ${stream.name} ${stream.topic}/0`);
    expect(text).toMatch(new RegExp(`^at offset 3 for \\d+ s: ${reason}, .+ is open for \\d+ s$`));
    // It is no fault of the process, because a restart does not help a sink.
    expect(bridge.faults()).toEqual({});
    const gauge = () => counterValue(bridge.metrics.stalled, { stream: stream.name });
    expect(await gauge()).toBe(1);
    const { client } = await world.temporal();
    const stalled = async () => (await streamStatus(world.kafka(), client, stream)).stalled;
    await until('status says so', async () => (await stalled()).length > 0);
    expect(await stalled()).toEqual([
      {
        ...{ partition: 0, offset: 3, reason, detail: null },
        since: expect.stringMatching(/^\d{4}-.+Z$/) as string,
        workflowId: expect.stringMatching(workflowId) as string,
      },
    ]);
    down = false;
    await until('all delivered', () => sink.objects.size === 20);
    await until('it goes on', async () => (await gauge()) === 0);
    await until('status says so', async () => (await stalled()).length === 0);
    expect(bridge.notices!()).toEqual({});
  });
});

describe.each<{ execution: ExecutionOptions }>([
  { execution: { lane: 'record' } },
  { execution: { lane: 'chunk' } },
])('with a store that is configured wrongly, in the $execution.lane lane', ({ execution }) => {
  test('the stream waits and says what to correct, others continue, and nothing is dead-lettered', async () => {
    const store = await S3Store.start();
    const sink = s3Sink({
      bucket: 'b',
      forcePathStyle: true,
      clientConfig: {
        endpoint: store.url,
        region: 'r',
        credentials: { accessKeyId: 'a', secretAccessKey: 's' },
      },
    });
    const retry = { fastAttempts: 1, maximumAttempts: 1 };
    const { stream } = await world.stream({ partitions: 1, execution, retry, sink });
    const { stream: other, sink: otherSink } = await world.stream({ partitions: 1, execution });
    await world.send(stream.topic, [message('a'), message('b')]);
    await world.send(other.topic, [message('elsewhere')]);
    const bridge = await world.bridge(stream, other);
    await until('others go on', () => otherSink.objects.size === 1);
    for (const [answers, text] of [
      ['ignores the condition', /ignores the condition If-None-Match.+Use a store/],
      ['InvalidAccessKeyId', /403 InvalidAccessKeyId.+check the credentials/],
      ['NoSuchBucket', /404 NoSuchBucket.+create the bucket/],
      ['NotImplemented', /501 NotImplemented.+must know PUT with If-None-Match/],
    ] as const) {
      store.answers = answers;
      const fault = () => bridge.faults()[`sink ${stream.name}`];
      await until(`${answers} is named`, () => text.test(fault() ?? ''));
    }
    expect(await world.lag(stream)).toBe(2);
    store.answers = 'as it must';
    await until('delivered', () => ['a.json', 'b.json'].every((key) => store.objects.has(key)));
    await until('ready', () => Object.keys(bridge.faults()).length === 0);
    await until('all is committed', async () => (await world.lag(stream)) === 0);
    expect(await world.records(stream.deadLetterTopic)).toEqual([]);
    await store.close();
  });

  test('a bridge worker that waits for its sink can be stopped', async () => {
    const { stream } = await world.stream({
      execution,
      sink: {
        write: () => Promise.reject(new Error('not asked')),
        check: () => new Promise(() => undefined),
      },
    });
    const bridge = await world.bridge(stream);
    expect(Object.keys(bridge.faults())).toEqual([`sink ${stream.name}`]);
    await bridge.stop();
    await bridge.ended;
  });
});

describe('a consumer that stops without an error', () => {
  let consumer: StreamConsumer;
  const fatal: unknown[] = [];
  const { logger, lines } = keepingLogger();
  let accepted = 0;

  async function start(stream: AnyStream, kafka: KafkaSettings): Promise<void> {
    [fatal.length, lines.length, accepted] = [0, 0, 0];
    consumer = new StreamConsumer({
      ...{ stream, logger, metrics: createMetrics() },
      group: createGroupClient(kafka, stream, logger),
      stalledAfterMs: 1_000,
      silentAfterMs: 5_000,
      isStarted: () => Promise.resolve(false),
      stallCause: () => ({ reason: 'no_fetch' }),
      recentIds: () => 0,
      onFatal: (error) => void fatal.push(error),
    });
    await consumer.start(fakeLane({ accept: (entries) => void (accepted += entries.length) }));
    await until('it has joined', () => consumer.fault() === undefined);
  }
  afterEach(() => consumer.stop());

  test('because its connections are dead is reported as fatal while Kafka answers others', async () => {
    const { stream } = await world.stream({ partitions: 1 });
    const proxy = await KafkaProxy.start(world.settings.kafka.brokers[0]!);
    try {
      await start(stream, proxy.through(world.settings.kafka));
      await world.send(stream.topic, messages(1));
      await until('it consumes', () => accepted === 1);
      proxy.die();
      await until('it is given up', () => fatal.length > 0);
      expect(String(fatal[0])).toMatch(/is silent for \d+ ms, and Kafka answers$/);
    } finally {
      await proxy.close();
    }
  });

  test('because its topic was deleted continues when the topic is created again, and is reported as fatal otherwise', async () => {
    const { stream } = await world.stream({ partitions: 1 });
    await start(stream, world.settings.kafka);
    await world.recreateTopic(stream);
    await withAdmin(world.kafka(), (admin) => admin.fetchTopicOffsets(stream.topic));
    await world.send(stream.topic, messages(1));
    await until('it consumes, or ends', () => accepted === 1 || fatal.length > 0);
  });
});
