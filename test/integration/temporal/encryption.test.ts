import { randomBytes } from 'node:crypto';
import { encryptionCodec } from '../../../src/temporal/encryption/encryption-codec';
import type { EncryptionKey } from '../../../src/temporal/encryption/encryption-keys';
import { DeliveryError } from '../../../src/domain/errors';
import { defineStream, type AnyStream } from '../../../src/domain/stream/stream';
import { listFailed } from '../../../src/operations/failed/failed-list';
import { replayFailed } from '../../../src/operations/failed/failed-replay';
import { showFailed } from '../../../src/operations/failed/failed-show';
import { counterValue, message, uniqueName, until, World } from '../support/world';

jest.setTimeout(180_000);

const CANARY = 'canary-7f3a';
const key = (id: string): EncryptionKey => ({ id, key: randomBytes(32) });
const [k1, k2] = [key('k1'), key('k2')];

const worlds: World[] = [];
/** A world whose clients and workers have these keys, or none. */
function worldWith(...keys: EncryptionKey[]): World {
  const world = new World();
  if (keys.length > 0) world.settings.temporal.codec = encryptionCodec(keys);
  worlds.push(world);
  return world;
}
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

/** Everything that Temporal stores about a workflow, in its stored form. */
async function raw(world: World, workflowId: string) {
  const { client } = await world.temporal();
  const { namespace } = world.settings.temporal;
  const execution = { workflowId };
  const { workflowService } = client;
  const [description, history] = await Promise.all([
    workflowService.describeWorkflowExecution({ namespace, execution }),
    workflowService.getWorkflowExecutionHistory({ namespace, execution }),
  ]);
  const json = JSON.stringify([description, history]);
  // Protobuf's JSON has bytes in base64.
  const bytes = [...json.matchAll(/"([A-Za-z0-9+/]{8,}={0,2})"/g)].map(([, base64]) =>
    Buffer.from(base64!, 'base64').toString('latin1'),
  );
  return { history, text: [json, ...bytes].join('\n') };
}

test('without a key Temporal stores records in plain text', async () => {
  const world = worldWith();
  const { stream, sink } = await world.stream({ partitions: 1 });
  await world.bridge(stream);
  await world.send(stream.topic, [message('a', { card: CANARY })]);
  await until('delivered', () => sink.objects.has('a'));
  const { text } = await raw(world, firstId(stream, 'a'));
  expect(text).toContain('json/plain');
  expect(text).toContain(CANARY);
});

const firstId = ({ name }: AnyStream, messageId: string) => `${name}-${messageId}-0`;

test('only operators with the key can read a record and its failure in Temporal', async () => {
  const world = worldWith(k1);
  const { stream, sink } = await world.stream({ partitions: 1 });
  let broken = true;
  sink.before = () => {
    if (broken) throw new DeliveryError('Permanent', `rejected: ${CANARY}`);
  };
  await world.bridge(stream);
  await world.send(stream.topic, [message('a', { card: CANARY })]);
  const id = firstId(stream, 'a');
  await until('failed', async () => {
    const status = await world.workflowStatus(id).catch(() => 'not started');
    return status === 'FAILED';
  });

  const { text, history } = await raw(world, id);
  expect(text).toContain('binary/encrypted');
  expect(text).not.toContain(CANARY);
  const failure = history.history!.events!.at(-1)!.workflowExecutionFailedEventAttributes!.failure!;
  expect(failure).toMatchObject({ message: 'Encoded failure', stackTrace: '' });

  const { client } = await world.temporal();
  const details = await showFailed(client, [stream], id);
  expect(details).toMatchObject({ messageId: 'a', errorMessage: `rejected: ${CANARY}` });
  expect(JSON.stringify(details!.record)).toContain(CANARY);
  const { client: stranger } = await worldWith().temporal();
  await expect(showFailed(stranger, [stream], id)).rejects.toThrow(
    /encrypted with the key "k1", which this process does not have/,
  );
  await until('listed', async () => (await listFailed(client, [stream])).length === 1);

  broken = false;
  expect(await replayFailed(client, [stream], id)).toMatchObject({ outcome: 'replayed' });
  await until('delivered', () => sink.objects.has('a'));
});

test('the error of a pending attempt is readable only with the key', async () => {
  const world = worldWith(k1);
  const { stream, sink } = await world.stream({
    partitions: 1,
    retry: { fastAttempts: 1, maximumAttempts: 100, initialIntervalMs: 100 },
  });
  let broken = true;
  sink.before = () => {
    if (broken) throw new DeliveryError('Transient', `away: ${CANARY}`);
  };
  await world.bridge(stream);
  await world.send(stream.topic, [message('a')]);
  const { client } = await world.temporal();
  const id = firstId(stream, 'a');
  await until('pending', async () => {
    const details = await showFailed(client, [stream], id).catch(() => undefined);
    return details?.pendingActivities[0]?.lastError === `away: ${CANARY}`;
  });
  expect((await raw(world, id)).text).not.toContain(CANARY);
  broken = false;
  await until('delivered', () => sink.objects.has('a'));
});

test.each([
  ['record', { lane: 'record' }],
  ['chunk', { lane: 'chunk' }],
] as const)(
  'encryption can be enabled and a key replaced in the %s lane while runs are open',
  async (lane, execution) => {
    const name = uniqueName('t');
    const plain = worldWith();
    let broken = true;
    const options = {
      name,
      topic: name,
      execution,
      retry: { fastAttempts: 1, maximumAttempts: 100, initialIntervalMs: 100 },
    };
    const { stream, sink } = await plain.stream({ ...options, partitions: 1 });
    sink.before = () => {
      if (broken) throw new DeliveryError('Transient', 'away');
    };
    const begun = async (world: World, messageId: string) => {
      const tried = sink.attemptsOf(messageId);
      await world.send(stream.topic, [message(messageId)]);
      await until(`${messageId} was tried`, () => sink.attemptsOf(messageId) > tried + 1);
    };
    const first = await plain.bridge(stream);
    await begun(plain, 'plain');
    await first.stop();
    const withFirst = worldWith(k1);
    const second = await withFirst.bridge(stream);
    await begun(withFirst, 'first');
    await second.stop();

    const withBoth = worldWith(k2, k1);
    const third = await withBoth.bridge(stream);
    broken = false;
    await withBoth.send(stream.topic, [message('second')]);
    await until('all delivered', () => sink.objects.size === 3);
    await until('all committed', async () => (await withBoth.lag(stream)) === 0);
    await third.stop();

    // Another group reads the topic from the start. It compares the records with the memos of the earlier runs.
    const again = defineStream({ ...options, sink, schema: stream.schema, groupId: `${name}-2` });
    const fourth = await withBoth.bridge(again);
    await until('all known', async () => {
      const layer = { layer: 'workflow-id' };
      return (await counterValue(fourth.metrics.duplicates, layer)) === 3;
    });
    expect(await counterValue(fourth.metrics.idCollisions, {})).toBe(0);
    expect(lane).toBe(again.execution.lane);
  },
);

test('tasks fail on a worker without the key until a worker with the key takes them', async () => {
  const before = worldWith(k1);
  const { stream, sink } = await before.stream({
    partitions: 1,
    retry: { fastAttempts: 1, maximumAttempts: 100, initialIntervalMs: 5_000 },
  });
  let broken = true;
  sink.before = () => {
    if (broken) throw new DeliveryError('Transient', 'away');
  };
  const bridge = await before.bridge(stream);
  await before.send(stream.topic, [message('a')]);
  await until('tried', () => sink.attemptsOf('a') > 0);
  await bridge.stop();
  broken = false;

  const id = firstId(stream, 'a');
  const wrong = worldWith(k2);
  const { client } = await before.temporal();
  const failed = await wrong.worker(stream);
  // The signal causes a workflow task, which the worker can't read.
  await client.workflow.getHandle(id).signal('nothing');
  await until('a task failed', async () => {
    const { history } = await raw(wrong, id);
    return history.history!.events!.some((event) => event.workflowTaskFailedEventAttributes);
  });
  expect(await before.workflowStatus(id)).toBe('RUNNING');
  await failed.stop();
  await before.worker(stream);
  await until('delivered', () => sink.objects.has('a'));
});
