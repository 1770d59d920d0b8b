import { OwnMessages } from '../../../src/reference/scenarios/own-messages';
import { runScenarios } from '../../../src/reference/scenarios/run';
import type { Scenario } from '../../../src/reference/scenarios/scenarios';
import { message, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

const scenario: Scenario = {
  name: 'some',
  title: 'three messages, one of them twice',
  sends: ['a', 'b', 'b', 'c'].map((id, i) => ({ id: `own-${id}`, atMs: i * 10 })),
};
const expected = { messages: 3, delivered: 3, duplicates: 1, deadLetters: 0 };

async function begin() {
  const { stream, sink } = await world.stream();
  await world.bridge(stream);
  // Messages from before a run are no part of it.
  await world.send(
    stream.topic,
    ['own-a', 'own-a', 'before'].map((id) => message(`0${id}`)),
  );
  await until('delivered', () => sink.objects.size === 2);
  const { client } = await world.temporal();
  const own = await OwnMessages.from(world.kafka(), client, [stream], 'own-');
  const run = (during: () => Promise<unknown>, willFail = false) =>
    runScenarios({
      scenarios: [scenario],
      send: (key, value) => world.send(stream.topic, [{ key, value }]),
      observer: own,
      willFail: () => willFail,
      alone: async (sent) => (await own.appended()) === sent,
      onScenario: () => undefined,
      during: async () => void (await during()),
    });
  return { stream, sink, run };
}

test('a scenario gives the expected totals, without messages from before the run', async () => {
  const { run, stream } = await begin();
  const [result] = await run(() => Promise.resolve());
  expect(result).toMatchObject({ ok: true, stream: stream.name, expected });
  expect(result!.seen).toMatchObject({ messages: 3, delivered: 3, missing: 0, double: 0 });
  expect(result!.seen.duplicates.recent).toBe(1);
});

test('a scenario succeeds in spite of duplicates of other senders', async () => {
  const { run, stream } = await begin();
  const others = ['other', 'other', 'other'].map((id) => message(id));
  const [result] = await run(() => world.send(stream.topic, others));
  expect(result).toMatchObject({ ok: true, expected });
  expect(result!.seen.messages).toBe(3);
  expect(result!.seen.duplicates.recent).toBe(3);
});

test('a scenario fails if a message is not at the sink in the end', async () => {
  const { run, sink } = await begin();
  sink.before = ({ messageId }) => {
    // The sink loses the message and reports it as written.
    if (messageId === 'own-c') sink.objects.set = () => sink.objects;
  };
  const [result] = await run(() => Promise.resolve());
  expect(result).toMatchObject({ ok: false });
  expect(result!.seen.missing).toBeGreaterThan(0);
});
