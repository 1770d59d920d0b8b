import { PAUSE } from '../../../src/domain/stream/pause';
import { heldBack, pauseStream, resumeStream } from '../../../src/operations/resume';
import { streamStatus } from '../../../src/operations/status/status';
import { message, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

test.each([
  ['record', 'none'],
  ['record', 'key'],
  ['chunk', 'none'],
  ['chunk', 'key'],
] as const)(
  'a paused stream starts nothing in any process until it is resumed, %s lane, order %s',
  async (lane, ordering) => {
    const { stream, sink } = await world.stream({ partitions: 2, execution: { lane }, ordering });
    const { client } = await world.temporal();
    const word = { by: 'me@here', reason: 'maintenance' };
    const first = await pauseStream(client, stream, word);
    // A stream that is paused already keeps its reason.
    expect(await pauseStream(client, stream, { ...word, reason: 'other' })).toEqual(first);
    const bridges = [await world.bridge(stream), await world.bridge(stream)];
    await world.send(
      stream.topic,
      ['a', 'b', 'c', 'd'].map((id) => message(id)),
    );
    await until('the pause is noticed', async () => {
      const values = await Promise.all(bridges.map(({ metrics }) => metrics.paused.get()));
      return values.every(({ values: [one] }) => one?.value === 1);
    });
    await until('the records wait', async () => (await world.lag(stream)) === 4);
    const { paused, running } = await streamStatus(world.kafka(), client, stream);
    expect({ paused, running }).toEqual({ paused: { since: first.since, ...word }, running: 0 });
    expect(sink.attempts).toEqual([]);
    const [held] = await heldBack(client, [stream]);
    expect(held).toMatchObject({ paused: true, braked: false });
    expect(await resumeStream(client, held!, 'me@here')).toBe('resumed');
    await until('all are delivered', () => sink.objects.size === 4);
    expect(await heldBack(client, [stream])).toMatchObject([{ paused: false }]);
  },
);

test('a workflow that runs goes on while its stream is paused', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  const { client } = await world.temporal();
  await world.bridge(stream);
  let broken = true;
  sink.before = () => {
    if (broken) throw new Error('away');
  };
  await world.send(stream.topic, [message('a')]);
  await until('it is tried', () => sink.attemptsOf('a') > 1);
  await pauseStream(client, stream, { by: 'me@here', reason: null });
  broken = false;
  await until('it is delivered', () => sink.objects.has('a'));
  expect((await streamStatus(world.kafka(), client, stream)).paused).toMatchObject({
    reason: null,
  });
});

test('a pause that nobody can end yet is signalled', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  const { client } = await world.temporal();
  await pauseStream(client, stream, { by: 'me@here', reason: null });
  const [held] = await heldBack(client, [stream]);
  expect(await resumeStream(client, held!, 'me@here', 500)).toBe('signalled');
  await world.bridge(stream);
  await until('it has ended', async () => {
    const { status } = await client.workflow.getHandle(PAUSE.workflowId(stream.name)).describe();
    return status.name === 'COMPLETED';
  });
});
