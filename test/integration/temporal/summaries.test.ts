import { randomBytes } from 'node:crypto';
import { begin, end } from '../../../src/temporal/lasting-state';
import { encryptionCodec } from '../../../src/temporal/encryption/encryption-codec';
import { BRAKE } from '../../../src/domain/stream/brake';
import { DeliveryError } from '../../../src/domain/errors';
import { holdWorkflowId } from '../../../src/domain/stream/hold';
import { replayFailed } from '../../../src/operations/failed/failed-replay';
import { message, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

async function summaryOf(workflowId: string): Promise<string | undefined> {
  const { client } = await world.temporal();
  const handle = client.workflow.getHandle(workflowId);
  return (await handle.describe()).staticSummary();
}

/** The current details, as the Temporal UI asks for them. */
async function detailsOf(workflowId: string): Promise<string | undefined> {
  const { client } = await world.temporal();
  const handle = client.workflow.getHandle(workflowId);
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails;
}

test('workflows of records, held keys and the brake have a summary, which a replay keeps', async () => {
  const { stream, sink } = await world.stream({
    partitions: 1,
    ordering: 'key',
    afterDeadLetter: 'hold',
  });
  const { name, topic } = stream;
  sink.before = ({ messageId }) => {
    if (messageId === 'bad') throw new DeliveryError('Permanent', 'no');
  };
  await world.bridge(stream);
  await world.send(topic, [message('p-3'), { key: 'k7', value: '{"id":"x2"}' }, message('bad')]);
  const bad = `${name}-bad-2`;
  await until('failed', async () => {
    return (await world.workflowStatus(bad).catch(() => undefined)) === 'FAILED';
  });
  expect(await detailsOf(bad)).toMatch(
    /: `Permanent`, after 1 attempt at .+`no`.+```\nnpx cloudsync failed replay --wait --stream \S+ \S+-bad-2\n```$/s,
  );
  expect(await detailsOf(`${name}-invalid-${topic}-0-1`)).toMatch(
    /: `SchemaMismatch`, without an attempt at /,
  );
  expect(await summaryOf(`${name}-p-3-0`)).toBe(`${name} \`p-3\``);
  expect(await summaryOf(`${name}-invalid-${topic}-0-1`)).toBe(
    `${name} invalid \`x2\` ${topic}/0@1`,
  );
  expect(await summaryOf(holdWorkflowId({ stream: name, topic, partition: 0 }))).toBe(
    `${name} held keys of ${topic}/0`,
  );

  const { client } = await world.temporal();
  const reason = { stream: name, since: 'now', deadLetters: 50, share: 1, errorType: 'Permanent' };
  await begin(client, BRAKE, stream, reason);
  expect(await summaryOf(BRAKE.workflowId(name))).toMatch(/^braked since now: 50 dead letters/);
  await end(client, BRAKE, stream, 'operator');

  sink.before = () => undefined;
  expect(await replayFailed(client, [stream], bad)).toMatchObject({ outcome: 'replayed' });
  expect(await summaryOf(bad)).toBe(`${name} \`bad\``);
});

test('the details of a failed workflow are encrypted like its payloads', async () => {
  world.settings.temporal.codec = encryptionCodec([{ id: 'k1', key: randomBytes(32) }]);
  const { stream, sink } = await world.stream({ partitions: 1 });
  sink.before = () => {
    throw new DeliveryError('Permanent', 'secret');
  };
  await world.bridge(stream);
  await world.send(stream.topic, [message('a')]);
  const workflowId = `${stream.name}-a-0`;
  await until('failed', async () => {
    return (await world.workflowStatus(workflowId).catch(() => undefined)) === 'FAILED';
  });
  expect(await detailsOf(workflowId)).toContain('`secret`');
  const { client } = await world.temporal();
  const { queryResult } = await client.workflowService.queryWorkflow({
    namespace: client.options.namespace,
    execution: { workflowId },
    query: { queryType: '__temporal_workflow_metadata' },
  });
  expect(Buffer.from(queryResult!.payloads![0]!.data!).includes('secret')).toBe(false);
});

test('the workflow of a chunk has a summary', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution: { lane: 'chunk' } });
  await world.send(stream.topic, [message('a'), message('b')]);
  await world.bridge(stream);
  await until('delivered', () => sink.objects.size === 2);
  const text = await summaryOf(`${stream.name}-chunk-${stream.topic}-0-0`);
  expect(text).toBe(`${stream.name} ${stream.topic}/0@0 to 1`);
});

test('a workflow whose payloads are encrypted has no summary', async () => {
  world.settings.temporal.codec = encryptionCodec([{ id: 'k1', key: randomBytes(32) }]);
  const { stream, sink } = await world.stream({ partitions: 1 });
  await world.bridge(stream);
  await world.send(stream.topic, [message('a')]);
  await until('delivered', () => sink.objects.has('a'));
  expect(await summaryOf(`${stream.name}-a-0`)).toBeUndefined();
});
