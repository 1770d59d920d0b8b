import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { Brake, type StartPermit } from '../../../src/bridge/brake/brake';
import { DEFAULT_BRAKE_LIMITS } from '../../../src/domain/stream/brake';
import { createMetrics } from '../../../src/telemetry/metrics';
import { keepingLogger, serviceError, settled } from '../support/fakes';

const MINUTE = 60_000;

/** The memo of the stream's brake workflow on Temporal. Undefined while the stream is not braked. */
let memo: object | undefined;
let away: boolean;
let signals: unknown[];
/** If set, Temporal's answers wait for this promise. */
let slow: Promise<void> | undefined;
let asked: { now: number; most: number };
let brake: Brake;
let metrics: ReturnType<typeof createMetrics>;
let log: ReturnType<typeof keepingLogger>;
const stopping = new AbortController();

const ask = <T>(answer: () => T): Promise<T> =>
  away ? Promise.reject(serviceError(14)) : Promise.resolve().then(answer);

const client = {
  connection: { withDeadline: <T>(_: number, use: () => Promise<T>) => use() },
  options: { loadedDataConverter: { payloadCodecs: [] } },
  workflow: {
    start: (_: string, options: { memo: object }) => ask(() => void (memo ??= options.memo)),
    getHandle: (id: string) => ({
      describe: async () => {
        asked.most = Math.max(asked.most, ++asked.now);
        await slow;
        asked.now--;
        return ask(() => {
          if (!memo) throw new WorkflowNotFoundError('not found', id, undefined);
          return { status: { name: 'RUNNING' }, type: 'brakeStream', memo };
        });
      },
      signal: (_: string, args: unknown) =>
        ask(() => {
          signals.push(args);
          memo = undefined;
        }),
    }),
  },
} as unknown as Client;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance'] });
  [memo, away, signals, slow] = [undefined, false, [], undefined];
  asked = { now: 0, most: 0 };
  metrics = createMetrics();
  log = keepingLogger();
});
afterEach(() => {
  brake.stop();
  jest.useRealTimers();
});

async function begin(): Promise<void> {
  brake = new Brake({
    ...{ client, metrics, logger: log.logger },
    stream: { name: 's', taskQueue: 'q' },
    limits: DEFAULT_BRAKE_LIMITS,
  });
  await settled();
}

async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
  await settled();
}

/** Asks the brake for a start permit. The returned function gives the permit, or undefined while the start waits. */
function start(place?: { partition: number; offset: number }) {
  let passed: StartPermit | undefined;
  void brake.enter(stopping.signal, place).then((pass) => (passed = pass));
  return async () => {
    await settled();
    return passed;
  };
}

async function trip(): Promise<void> {
  for (let i = 0; i < 50; i++) brake.deadLettered('Permanent');
  await settled();
}

const gauge = async () => (await metrics.braked.get()).values.map(({ value }) => value);

test('no start is permitted after too many dead letters, and log, gauge and notice say so', async () => {
  await begin();
  const first = await start()();
  expect(first).toMatchObject({ probe: false });
  brake.delivered(51);
  await trip();
  expect([memo, await gauge()]).toEqual([undefined, [0]]);
  brake.deadLettered('Transient');
  await settled();
  expect(memo).toMatchObject({ stream: 's', deadLetters: 51, share: 0.5, errorType: 'Permanent' });
  expect(await start()()).toBeUndefined();
  expect([brake.active, await gauge()]).toEqual([true, [1]]);
  expect(brake.notices()['brake s']).toMatch(
    /51 dead letters, 50 %.+Permanent; "cloudsync resume --stream s"/,
  );
  expect(log.lines.map(({ msg }) => msg)).toEqual([
    'Stream is braked: too many of its records were dead-lettered',
  ]);
});

test('a new process starts nothing while the stream is braked, until another process releases the brake', async () => {
  memo = {
    stream: 's',
    since: new Date().toISOString(),
    deadLetters: 50,
    share: 1,
    errorType: 'x',
  };
  await begin();
  const waiting = [start(), start()];
  expect([await waiting[0]!(), await waiting[1]!()]).toEqual([undefined, undefined]);
  memo = undefined;
  await pass(5_000);
  expect([await waiting[0]!(), await waiting[1]!()]).not.toContain(undefined);
  expect([brake.notices(), await gauge()]).toEqual([{}, [0]]);
});

test('the brake stays as it is while Temporal is not reachable, in a new process and in a braked one', async () => {
  away = true;
  await begin();
  const waiting = start();
  expect(await waiting()).toBeUndefined();
  // The log must say that nothing starts meanwhile.
  expect(log.lines).toMatchObject([
    { level: 40, stream: 's', msg: 'Could not ask whether the stream is braked; nothing starts' },
  ]);
  await pass(10_000);
  expect(log.lines.filter(({ level }) => level === 40)).toHaveLength(1);
  away = false;
  await pass(5_000);
  expect(await waiting()).toBeDefined();
  away = true;
  await trip();
  expect([brake.active, await start()()]).toEqual([false, await waiting()]);
  away = false;
  brake.deadLettered('Permanent');
  await settled();
  expect(brake.active).toBe(true);
  away = true;
  await pass(20_000);
  expect(brake.active).toBe(true);
});

test('one probe at a time is started while the stream is braked, and its delivery releases the brake', async () => {
  await begin();
  await trip();
  const [first, second] = [start(), start()];
  await pass(29_000);
  expect(await first()).toBeUndefined();
  await pass(2_000);
  const probe = (await first())!;
  expect([probe.probe, await second()]).toEqual([true, undefined]);
  probe.begins({ partition: 1, offset: 7 });
  // The probe's record has left its chunk, so its own workflow may start. Another record's may not.
  expect(await start({ partition: 1, offset: 7 })()).toMatchObject({ probe: false });
  expect(await start({ partition: 0, offset: 7 })()).toBeUndefined();
  probe.ended('dead_lettered');
  expect(signals).toEqual([]);
  await pass(58_000);
  expect(await second()).toBeUndefined();
  await pass(2_000);
  const next = (await second())!;
  expect(next.probe).toBe(true);
  next.begins({ partition: 1, offset: 8 });
  next.ended('delivered');
  await settled();
  expect(signals).toEqual([{ by: 'probe' }]);
  await pass(5_000);
  expect([brake.active, await start()()]).toEqual([false, expect.anything()]);
  // Outcomes from before the release no longer count.
  brake.deadLettered('Permanent');
  await settled();
  expect(memo).toBeUndefined();
});

test('any delivery releases the brake once the first probe is due, and a failed release is logged once', async () => {
  await begin();
  await trip();
  const waiting = start();
  await pass(29_000);
  brake.deliverySucceeded();
  await settled();
  expect([brake.active, signals]).toEqual([true, []]);
  await pass(2_000);
  // The probe is a record that left an open chunk. It is dead-lettered, so the next probe is a minute away.
  (await waiting())!.ended('dead_lettered');
  brake.delivered(1);
  await settled();
  expect(signals).toEqual([]);
  away = true;
  for (let i = 0; i < 100; i++) brake.deliverySucceeded();
  await settled();
  const untold = 'A record was delivered, and the brake could not be released';
  expect(log.lines.filter(({ msg }) => msg === untold)).toHaveLength(1);
  away = false;
  await pass(5_000);
  for (let i = 0; i < 100; i++) brake.deliverySucceeded();
  await settled();
  expect([brake.active, signals]).toEqual([false, [{ by: 'probe' }]]);
});

test('a dead letter does not count for the brake if its key was held by an earlier dead letter', async () => {
  await begin();
  for (let i = 0; i < 200; i++) brake.deadLettered('HeldByKey');
  await settled();
  expect(memo).toBeUndefined();
});

test('tombstones do not brake a stream, however many they are', async () => {
  await begin();
  for (let i = 0; i < 1_500; i++) brake.invalid('NullValue');
  await settled();
  expect(memo).toBeUndefined();
});

test('invalid records do not brake a stream if as many records are delivered', async () => {
  await begin();
  for (let i = 0; i < 1_500; i++) {
    brake.delivered(1);
    brake.invalid('SchemaMismatch');
  }
  await settled();
  expect(memo).toBeUndefined();
});

test('a stream is braked when none of its records can be decoded', async () => {
  await begin();
  for (let i = 0; i < 50; i++) brake.invalid('DecodeFailed');
  await settled();
  expect(memo).toMatchObject({ deadLetters: 50, share: 1, errorType: 'DecodeFailed' });
});

test('another record becomes the probe if the probe was not started, or does not end within five minutes', async () => {
  await begin();
  await trip();
  const [first, second, third] = [start(), start(), start()];
  await pass(31_000);
  (await first())!.unused();
  expect((await second())!.probe).toBe(true);
  await pass(4 * MINUTE);
  expect(await third()).toBeUndefined();
  await pass(2 * MINUTE);
  expect((await third())!.probe).toBe(true);
});

test('another record becomes the probe if a probe that began late does not end within five minutes', async () => {
  await begin();
  await trip();
  const [first, second] = [start(), start()];
  await pass(31_000);
  const probe = (await first())!;
  await pass(50);
  probe.begins({ partition: 1, offset: 7 });
  await pass(5 * MINUTE + 1_000);
  expect((await second())?.probe).toBe(true);
});

test('the brake asks Temporal one question at a time, however slow the answers are', async () => {
  let answer: () => void = () => undefined;
  slow = new Promise((resolve) => (answer = resolve));
  await begin();
  await pass(16_000);
  answer();
  slow = new Promise((resolve) => (answer = resolve));
  await settled();
  answer();
  await settled();
  expect(asked).toEqual({ now: 0, most: 1 });
});

test('a start that waits for the brake is rejected when the bridge stops', async () => {
  await begin();
  await trip();
  const stop = new AbortController();
  const waiting = brake.enter(stop.signal);
  stop.abort(new Error('stopping'));
  await expect(waiting).rejects.toThrow('stopping');
});
