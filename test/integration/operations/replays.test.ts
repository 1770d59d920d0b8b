import { setTimeout as sleep } from 'node:timers/promises';
import { openTransactional } from '../../../src/kafka/producer/transactional-producer';
import { DeliveryError, UsageError } from '../../../src/domain/errors';
import { replayWorkflowId, type ReplayRequest } from '../../../src/domain/stream/replay';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { listDeadLetters } from '../../../src/operations/dead-letters/dead-letters-list';
import { statesOf } from '../../../src/operations/dead-letters/letter-states';
import { decideLetters } from '../../../src/operations/dead-letters/discard';
import { listReplays } from '../../../src/operations/replay/replay-list';
import {
  followReplay,
  runningReplay,
  startReplay,
  stopReplay,
} from '../../../src/operations/replay/replay-start';
import { BridgeProcesses } from '../support/bridge-processes';
import { sentBack, writeLetters } from '../support/sent-back';
import { replayHere, replayRequest, type ReplayOptions } from '../support/replay';
import { messageValue, message, until, World } from '../support/world';

// After the death of its worker a replay goes on when 30 s have passed without a heartbeat.
jest.setTimeout(180_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

const idsOf = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);

async function replaysOf(stream: AnyStream) {
  const { client } = await world.temporal();
  return listReplays(client, stream, async () => (await statesOf(world.kafka(), stream)).replays);
}

async function begin(
  stream: AnyStream,
  options: ReplayOptions & { rate?: number } = {},
  at = world,
) {
  const { client } = await at.temporal();
  const { rate, ...asked } = options;
  const request: ReplayRequest = {
    ...(await replayRequest(at, stream, asked)),
    ...(rate && { rate }),
  };
  const { runId } = await startReplay(client, stream, request);
  const notices: string[] = [];
  const ended = followReplay(client, stream, runId, {
    onProgress: () => undefined,
    onNotice: (text) => notices.push(text),
    signal: new AbortController().signal,
  });
  ended.catch(() => undefined);
  return { request, ended, notices };
}

test.each([
  ['is killed', 'SIGKILL'],
  ['ends in an orderly way', 'SIGTERM'],
] as const)(
  'a replay whose worker %s goes on in another one, and sends each letter back once',
  async (_, signal) => {
    const processes = await BridgeProcesses.create(2);
    try {
      const { stream, world } = processes;
      const ids = idsOf(300);
      await writeLetters(world, stream, ids);
      const first = await processes.start();
      const { ended } = await begin(stream, { rate: 60 }, world);
      await until('a third is sent back', async () => (await sentBack(world, stream)).length > 100);
      await first.end(signal);
      await processes.start();
      expect(await ended).toMatchObject({
        stoppedBy: null,
        progress: { counts: { sentBack: 300, delivered: 300 } },
      });
      const letters = await sentBack(world, stream);
      expect(letters).toHaveLength(300);
      expect(new Set(letters).size).toBe(300);
      expect((await processes.files()).size).toBe(300);
    } finally {
      await processes.close();
    }
  },
);

test('an attempt of a replay that thaws after its successor began sends nothing more', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  await writeLetters(world, stream, ['a']);
  let thaw: () => void = () => undefined;
  const frozen = new Promise<void>((resolve) => (thaw = resolve));
  const old = await openTransactional(world.kafka(), replayWorkflowId(stream.name));
  let sent = false;
  // It has sent the record, and freezes before it commits.
  const attempt = old.transaction(async (send) => {
    await send({ topic: stream.topic, messages: [{ value: messageValue('a') }] });
    sent = true;
    await frozen;
  });
  attempt.catch(() => undefined);
  await until('it has sent the record', () => sent);
  await world.bridge(stream);
  expect(await replayHere(world, stream)).toMatchObject([
    { outcome: 'sentBack', end: 'delivered' },
  ]);
  thaw();
  await expect(attempt).rejects.toThrow(/fenced|epoch/i);
  await expect(
    old.transaction((send) => send({ topic: stream.topic, messages: [] })),
  ).rejects.toThrow();
  await old.close();
  expect(await world.records(stream.topic)).toHaveLength(1);
  expect(sink.attemptsOf('a')).toBe(1);
});

test('a second replay of a stream is refused while one runs, and says whose that is', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  await writeLetters(world, stream, idsOf(20));
  await world.bridge(stream);
  const { ended, request } = await begin(stream, { rate: 10 });
  await expect(begin(stream)).rejects.toThrow(
    `replay ${request.replay}, asked for by test@here at ${request.at}, is running`,
  );
  expect(await ended).toMatchObject({ progress: { counts: { sentBack: 20 } } });
  // Now it may run, and finds nothing to do.
  const again = await begin(stream);
  expect(await again.ended).toMatchObject({ progress: { counts: { refused: 20 } } });
  expect(await sentBack(world, stream)).toHaveLength(20);
});

test('a replay that was stopped goes on where it ended, and its list says so', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  await writeLetters(world, stream, idsOf(30));
  await world.bridge(stream);
  const { client } = await world.temporal();
  const states = async () => (await replaysOf(stream)).map(({ state }) => state);
  const { ended, request } = await begin(stream, { rate: 5, wait: false });
  await until('some are sent', async () => (await sentBack(world, stream)).length > 3);
  expect(await states()).toEqual(['running']);
  expect(await stopReplay(client, stream, 'me@here')).toBe(true);
  expect(await ended).toMatchObject({ stoppedBy: 'me@here' });
  expect((await sentBack(world, stream)).length).toBeLessThan(30);
  expect(await states()).toEqual(['stopped']);
  expect(await runningReplay(client, stream)).toBeUndefined();
  const { replay } = request;
  const { ended: endedAgain } = await begin(stream, { replay, wait: false });
  expect(await endedAgain).toMatchObject({
    stoppedBy: null,
    progress: { counts: { sentBack: 30 } },
  });
  expect(new Set(await sentBack(world, stream)).size).toBe(30);
  expect(await states()).toEqual(['done']);
  expect(await stopReplay(client, stream, 'me@here')).toBe(false);
});

test('a replay that no worker takes says so, and one of a letter that does not exist is refused', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  await writeLetters(world, stream, ['a']);
  const { ended, notices } = await begin(stream, { filters: { places: ['0:7'] } });
  await until('it says so', () => notices.some((text) => text.startsWith('no worker of stream')));
  expect(await replaysOf(stream)).toMatchObject([{ state: 'waiting' }]);
  await world.bridge(stream);
  await expect(ended).rejects.toThrow(new UsageError('there is no dead letter "0:7"'));
});

test('a discarded letter is listed as discarded, and no replay takes it until it is opened again', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  await writeLetters(world, stream, ['a', 'b', 'c']);
  await world.bridge(stream);
  const list = async (statuses?: ['open']) => {
    const letters = await listDeadLetters(world.kafka(), [stream], { statuses });
    return letters.map(({ messageId, status }) => `${messageId} ${status}`).sort();
  };
  const letterOf = async (id: string) =>
    (await listDeadLetters(world.kafka(), [stream])).filter(({ messageId }) => messageId === id);
  const by = 'me@here';
  const reason = 'test data';
  await decideLetters(world.kafka(), stream, await letterOf('a'), {
    status: 'discarded',
    by,
    reason,
  });
  expect(await list()).toEqual(['a discarded', 'b open', 'c open']);
  expect(await list(['open'])).toEqual(['b open', 'c open']);
  expect(await replayHere(world, stream)).toMatchObject([
    {
      outcome: 'refused',
      reason: expect.stringMatching(/^discarded by me@here at .*: test data$/) as string,
    },
    { outcome: 'sentBack', end: 'delivered' },
    { outcome: 'sentBack', end: 'delivered' },
  ]);
  expect(await list()).toEqual(['a discarded', 'b delivered', 'c delivered']);
  await decideLetters(world.kafka(), stream, await letterOf('a'), {
    status: 'open',
    by,
    reason: null,
  });
  expect(await list(['open'])).toEqual(['a open']);
});

test('a list says which letters were superseded by later ones of the same record', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  sink.before = () => {
    throw new DeliveryError('Permanent', 'rejected');
  };
  await world.send(stream.topic, [message('a')]);
  await world.bridge(stream);
  const statuses = async () =>
    (await listDeadLetters(world.kafka(), [stream])).map(({ status }) => status);
  await until('a letter', async () => (await statuses()).length === 1);
  expect(await statuses()).toEqual(['open']);
  await until('its workflow has ended', async () => {
    const [result] = await replayHere(world, stream);
    return result?.end === 'deadAgain';
  });
  expect(await statuses()).toEqual(['open', 'superseded']);
  sink.before = () => undefined;
  await until('delivered', async () => {
    await sleep(200);
    return (await replayHere(world, stream)).some(({ end }) => end === 'delivered');
  });
  expect(await statuses()).toEqual(['delivered', 'superseded']);
});
