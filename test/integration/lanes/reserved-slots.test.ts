import { DeliveryError } from '../../../src/domain/errors';
import { message, until, World } from '../support/world';

jest.setTimeout(180_000);

/** The number of a worker's slots for activities in `stream-worker.ts`. */
const SLOTS = 100;

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const slow = (id: string) => id.startsWith('slow');

/**
 * A stream whose sink hangs for the `slow` records as soon as the regular activity tries them. Resolves when these
 * records have all slots. `end` lets them continue.
 */
async function hanging(lane: 'record' | 'chunk') {
  const { stream, sink } = await world.stream({
    partitions: 1,
    execution: { lane },
    brake: false,
    retry: {
      fastAttempts: 1,
      maximumAttempts: 5,
      initialIntervalMs: 100,
      attemptTimeoutMs: 100_000,
    },
  });
  let hang = 0;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  /** Attempts before the regular activity: one in the chunk, in the chunk lane only, and one in the first task of its own workflow. */
  const before = lane === 'chunk' ? 2 : 1;
  sink.before = async ({ messageId }) => {
    const attempts = sink.attemptsOf(messageId);
    if (messageId.startsWith('dead')) throw new DeliveryError('Permanent', 'no');
    if (messageId.startsWith('late') && attempts === 1)
      throw new DeliveryError('Transient', 'down');
    if (!slow(messageId)) return;
    if (lane === 'chunk' && attempts === 1) throw new DeliveryError('Permanent', 'not in a chunk');
    if (attempts <= before) throw new DeliveryError('Transient', 'later');
    hang++;
    await ended;
  };
  await world.bridge(stream);
  await world.send(
    stream.topic,
    Array.from({ length: SLOTS + 5 }, (_, i) => message(`slow-${i}`)),
  );
  await until('all slots hang', () => hang >= SLOTS, 90_000);
  return { stream, sink, end };
}

describe('while a hanging sink occupies every slot of a worker', () => {
  test('dead letters are written', async () => {
    const { stream, end } = await hanging('record');
    await world.send(stream.topic, [message('dead')]);
    const letters = async () => (await world.records(stream.deadLetterTopic)).length;
    await until('the letter', async () => (await letters()) === 1, 30_000);
    end();
  });

  test('a chunk that has failed once is delivered', async () => {
    const { stream, sink, end } = await hanging('chunk');
    await world.send(
      stream.topic,
      Array.from({ length: 20 }, (_, i) => message(`late-${i}`)),
    );
    const delivered = () => [...sink.objects.keys()].filter((id) => id.startsWith('late')).length;
    await until('the chunk', () => delivered() === 20, 30_000);
    end();
  });
});
