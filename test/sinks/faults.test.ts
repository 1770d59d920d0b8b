import type { DeliveryError } from '../../src/domain/errors';
import type { Sink } from '../../src/domain/stream/sink';
import { failsForGood, parseFaults, withFaults, type FaultRates } from '../../src/sinks/faults';
import { write } from './support/write';

test('a stream may have the name of a property that objects inherit', () => {
  const { rates } = parseFaults('constructor:timeout=0.5,constructor:throttle=0.1');
  expect(rates).toEqual({ constructor: { timeout: 0.5, throttle: 0.1 } });
  expect(Object).not.toHaveProperty('timeout');
});

describe('parseFaults', () => {
  test.each([
    ['', { rates: {}, seed: 1 }],
    [' , ', { rates: {}, seed: 1 }],
    ['aws:timeout=0.02', { rates: { aws: { timeout: 0.02 } }, seed: 1 }],
    [
      'aws:timeout=0.02, azure:timeout=.5,azure:permanent=1,aws:throttle=0,seed=7',
      {
        rates: { aws: { timeout: 0.02, throttle: 0 }, azure: { timeout: 0.5, permanent: 1 } },
        seed: 7,
      },
    ],
  ])('reads %j', (text, faults) => {
    expect(parseFaults(text)).toEqual(faults);
  });

  test.each([
    'aws',
    'aws:timeout',
    'aws:timeout=',
    'aws:timeout=x',
    'aws:timeout=-1',
    'aws:timeout=1.01',
    'aws:timeout=0.1.2',
    'aws:timeout=.',
    'aws:delay=0.1',
    'aws:toString=0.1',
    'Aws:timeout=0.1',
    ':timeout=0.1',
    '__proto__:timeout=0.1',
    'seed=x',
    'seed=-1',
    'seed=',
  ])('refuses %j and names its position', (part) => {
    expect(() => parseFaults(`aws:throttle=0.1,${part}`)).toThrow(
      /^part 2 is not STREAM:KIND=RATE/,
    );
  });
});

/** A sink that lists the message ids of its writes. */
function countingSink(): Sink & { writes: string[] } {
  const writes: string[] = [];
  return {
    writes,
    write: ({ messageId }) => {
      writes.push(messageId);
      return Promise.resolve({ outcome: 'written' });
    },
  };
}

const IDS = Array.from({ length: 2_000 }, (_, i) => `m${i}`);

/** The results of one attempt for each id: `written`, or the type of the failure. */
async function fates(sink: Sink, ids = IDS): Promise<string[]> {
  return Promise.all(
    ids.map((messageId) =>
      write(sink, { messageId }).then(
        ({ outcome }) => outcome,
        (error: DeliveryError) => error.type,
      ),
    ),
  );
}

function share(all: string[], one: string): number {
  return all.filter((fate) => fate === one).length / all.length;
}

describe('withFaults', () => {
  test('lets every attempt succeed without rates', async () => {
    expect(share(await fates(withFaults(countingSink(), {}, 1)), 'written')).toBe(1);
  });

  test.each([
    ['timeout', 'Transient', 0.2],
    ['throttle', 'Throttled', 0.2],
    ['permanent', 'Permanent', 0.05],
  ])('the rate of %s makes this share of attempts fail as %s', async (kind, type, rate) => {
    const all = await fates(withFaults(countingSink(), { [kind]: rate }, 1));
    // 2,000 draws: four standard deviations are below 0.04.
    expect(Math.abs(share(all, type) - rate)).toBeLessThan(0.04);
    expect(share(all, type) + share(all, 'written')).toBe(1);
  });

  test('half of the timeouts happen after the write took effect', async () => {
    const sink = countingSink();
    const all = await fates(withFaults(sink, { timeout: 1 }, 1));
    expect(share(all, 'Transient')).toBe(1);
    expect(Math.abs(sink.writes.length / IDS.length - 0.5)).toBeLessThan(0.05);
  });

  test('throttled and permanent attempts never reach the sink', async () => {
    const sink = countingSink();
    await fates(withFaults(sink, { throttle: 0.5, permanent: 1 }, 1), IDS.slice(0, 50));
    await fates(withFaults(sink, { throttle: 1 }, 1), IDS.slice(0, 50));
    expect(sink.writes).toEqual([]);
  });

  test('the same seed, message and attempt give the same result, in any order', async () => {
    const rates: FaultRates = { timeout: 0.2, throttle: 0.2, permanent: 0.1 };
    const forwards = await fates(withFaults(countingSink(), rates, 7));
    const backwards = await fates(withFaults(countingSink(), rates, 7), [...IDS].reverse());
    expect(backwards.reverse()).toEqual(forwards);
    expect(await fates(withFaults(countingSink(), rates, 8))).not.toEqual(forwards);
  });

  test('each attempt of a record has an independent result', async () => {
    const sink = withFaults(countingSink(), { timeout: 0.5 }, 1);
    const first = await fates(sink, IDS.slice(0, 100));
    const second = await fates(sink, IDS.slice(0, 100));
    expect(second).not.toEqual(first);
    for (let attempt = 3; attempt < 20; attempt++) await fates(sink, IDS.slice(0, 100));
    const all = await fates(sink, IDS.slice(0, 100));
    expect(share(all, 'written')).toBeGreaterThan(0.2);
  });

  test('a permanent fault is the same in every attempt, and failsForGood predicts it', async () => {
    const rates = { permanent: 0.3 };
    const sink = withFaults(countingSink(), rates, 3);
    const first = await fates(sink);
    expect(await fates(sink)).toEqual(first);
    expect(IDS.map((id) => failsForGood(rates, 3, id))).toEqual(
      first.map((fate) => fate === 'Permanent'),
    );
  });

  test('a throttled attempt asks for a pause', async () => {
    const sink = withFaults(countingSink(), { throttle: 1 }, 1);
    await expect(write(sink)).rejects.toMatchObject({ type: 'Throttled', retryAfterMs: 500 });
  });

  test('all other methods are those of the sink', async () => {
    const close = jest.fn(() => Promise.resolve());
    async function* stored() {
      yield await Promise.resolve(Buffer.from('a'));
    }
    const inner: Sink = {
      write: () => Promise.resolve({ outcome: 'written' }),
      classify: () => ({ type: 'Permanent', message: 'as the sink says' }),
      find: (messageId) => Promise.resolve({ location: messageId, bytes: 1 }),
      stored,
      close,
    };
    const sink = withFaults(inner, { timeout: 1 }, 1);
    expect(sink.classify!(new Error())).toMatchObject({ message: 'as the sink says' });
    const values: string[] = [];
    for await (const value of sink.stored!()) values.push(value.toString());
    expect(values).toEqual(['a']);
    expect(await sink.find!('a')).toEqual({ location: 'a', bytes: 1 });
    await sink.close!();
    expect(close).toHaveBeenCalledTimes(1);
    expect(withFaults(countingSink(), {}, 1)).not.toHaveProperty('stored');
    expect(withFaults(countingSink(), {}, 1)).not.toHaveProperty('find');
  });

  test('errors of the sink itself pass through', async () => {
    const sink = withFaults({ write: () => Promise.reject(new Error('disk')) }, {}, 1);
    await expect(write(sink)).rejects.toThrow('disk');
  });
});
