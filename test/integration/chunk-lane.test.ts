import { deadLetterHeader } from '../../src/domain/dead-letter';
import { DeliveryError } from '../../src/domain/errors';
import { counterValue, messageValue, until, World } from './support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const message = (id: string, payload?: unknown) => ({ key: id, value: messageValue(id, payload) });
const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const execution = { lane: 'chunk', maxRecords: 50, lingerMs: 5 } as const;

async function chunkRuns(stream: { taskQueue: string }) {
  const { client } = await world.temporal();
  const runs = [];
  const query = `TaskQueue = "${stream.taskQueue}" AND WorkflowType = "deliverChunk"`;
  for await (const run of client.workflow.list({ query })) runs.push(run);
  return runs;
}

test('records reach the sink in chunks, once each, and their offsets are committed', async () => {
  const { stream, sink } = await world.stream({ partitions: 2, execution });
  const bridge = await world.bridge(stream);
  await world.send(
    stream.topic,
    range(500).map((i) => message(`m-${i}`)),
  );
  await until('all delivered', () => sink.objects.size === 500);
  expect(sink.attempts).toHaveLength(500);
  await until('committed', async () => (await world.lag(stream)) === 0);
  await until(
    'counted',
    async () => (await counterValue(bridge.metrics.records, { outcome: 'delivered' })) === 500,
  );
  let runs: Awaited<ReturnType<typeof chunkRuns>> = [];
  await until('all chunks have completed', async () => {
    runs = await chunkRuns(stream);
    const count = runs.reduce((sum, { memo }) => sum + Number(memo?.count), 0);
    return count === 500 && runs.every(({ status }) => status.name === 'COMPLETED');
  });
  // The chunks of each partition follow each other without a gap.
  for (const partition of [0, 1]) {
    const chunks = runs
      .map(({ workflowId, memo }) => ({ workflowId, ...memo }) as Record<string, unknown>)
      .filter((memo) => memo.partition === partition)
      .sort((a, b) => Number(a.first) - Number(b.first));
    let next = 0;
    for (const { workflowId, first, last, count } of chunks) {
      expect(first).toBe(next);
      expect(workflowId).toBe(`${stream.name}-chunk-${stream.topic}-${partition}-${next}`);
      expect(Number(count)).toBeLessThanOrEqual(50);
      next = Number(last) + 1;
    }
  }
});

test('what can not be delivered leaves its chunk, and holds back nothing', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution });
  let failures = 3;
  sink.before = ({ messageId }) => {
    if (messageId === 'm-7') throw new DeliveryError('Permanent', 'never');
    if (messageId === 'm-9' && failures-- > 0) throw new DeliveryError('Transient', 'not yet');
  };
  await world.send(stream.topic, [
    ...range(20).map((i) => message(`m-${i}`)),
    { key: 'bad', value: '{nope' },
    message('last'),
  ]);
  await world.bridge(stream);
  await until('delivered', () => sink.objects.size === 20);
  await until(
    'dead letters',
    async () => (await world.records(stream.deadLetterTopic)).length === 2,
  );
  const letters = await world.records(stream.deadLetterTopic);
  expect(letters.map((one) => deadLetterHeader(one, 'workflow-id')).sort()).toEqual([
    `${stream.name}-invalid-${stream.topic}-0-20`,
    `${stream.name}-m-7-7`,
  ]);
  expect(await world.workflowStatus(`${stream.name}-m-9-9`)).toBe('COMPLETED');
});

test('a sink that is down makes the chunk back off, and starts no workflows', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution });
  let down = true;
  sink.before = () => {
    if (down) throw new DeliveryError('Transient', 'down');
  };
  await world.send(
    stream.topic,
    range(40).map((i) => message(`m-${i}`)),
  );
  await world.bridge(stream);
  await until('tried', () => sink.attempts.length > 80);
  down = false;
  await until('delivered', () => sink.objects.size === 40);
  const { client } = await world.temporal();
  const { count } = await client.workflow.count(
    `TaskQueue = "${stream.taskQueue}" AND WorkflowType != "deliverChunk"`,
  );
  expect(count).toBe(0);
});

test('duplicates in one chunk, in two chunks and on two partitions are delivered once', async () => {
  const { stream, sink } = await world.stream({ partitions: 2, execution });
  const bridge = await world.bridge(stream);
  await world.send(
    stream.topic,
    range(60).map((i) => ({ ...message(`m-${i % 10}`), partition: i % 2 })),
  );
  await until('delivered', () => sink.objects.size === 10);
  await until(
    'skipped',
    async () => (await counterValue(bridge.metrics.duplicates, { layer: 'recent' })) === 50,
  );
  expect(sink.attempts).toHaveLength(10);
});

test('a worker without the records reads them back from Kafka', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution });
  const bridge = await world.bridge(stream);
  let down = true;
  sink.before = () => {
    if (down) throw new DeliveryError('Transient', 'down');
  };
  await world.send(
    stream.topic,
    range(40).map((i) => message(`m-${i}`)),
  );
  await until('tried', () => sink.attempts.length > 80);
  await bridge.stop();
  const attempts = sink.attempts.length;
  down = false;
  await world.worker(stream);
  await until('delivered', () => sink.objects.size === 40);
  expect(sink.attempts.length).toBe(attempts + 40);
  expect(await world.lag(stream)).toBe(0);
});
