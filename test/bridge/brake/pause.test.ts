import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { OPEN_GATE, type StartGate, type StartPermit } from '../../../src/bridge/brake/brake';
import { Pause } from '../../../src/bridge/brake/pause';
import { createMetrics } from '../../../src/telemetry/metrics';
import { keepingLogger, serviceError, settled } from '../support/fakes';

/** The memo of the stream's pause workflow on Temporal. Undefined while the stream is not paused. */
let memo: object | undefined;
let away: boolean;
let pause: Pause;
let metrics: ReturnType<typeof createMetrics>;
let log: ReturnType<typeof keepingLogger>;
const stopping = new AbortController();

const client = {
  connection: { withDeadline: <T>(_: number, use: () => Promise<T>) => use() },
  workflow: {
    getHandle: (id: string) => ({
      describe: () => {
        if (away) return Promise.reject(serviceError(14));
        return memo
          ? Promise.resolve({ status: { name: 'RUNNING' }, type: 'pauseStream', memo })
          : Promise.reject(new WorkflowNotFoundError('not found', id, undefined));
      },
    }),
  },
} as unknown as Client;

const paused = { stream: 's', since: '2026-01-01T00:00:00.000Z', by: 'me@here', reason: 'why' };

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance'] });
  [memo, away] = [undefined, false];
  metrics = createMetrics();
  log = keepingLogger();
});
afterEach(() => {
  pause.stop();
  jest.useRealTimers();
});

async function begin(gate: StartGate = OPEN_GATE): Promise<void> {
  pause = new Pause({ client, metrics, logger: log.logger, stream: { name: 's' }, gate });
  await settled();
}

/** Time in which every process asks Temporal again. */
async function pass(): Promise<void> {
  await jest.advanceTimersByTimeAsync(5_000);
  await settled();
}

/** Asks for a start permit. The returned function gives the permit, or undefined while the start waits. */
function start() {
  let permit: StartPermit | undefined;
  void pause.enter(stopping.signal).then((one) => (permit = one));
  return async () => {
    await settled();
    return permit;
  };
}

const gauge = async () => (await metrics.paused.get()).values.map(({ value }) => value);

test('a start waits while the stream is paused, and goes on once it is resumed', async () => {
  memo = paused;
  await begin();
  const started = start();
  expect(await started()).toBeUndefined();
  expect(await gauge()).toEqual([1]);
  expect(pause.notices()).toEqual({
    'pause s':
      'paused since 2026-01-01T00:00:00.000Z by me@here: why; "cloudsync resume --stream s" ends it',
  });
  memo = undefined;
  await pass();
  expect(await started()).toBeDefined();
  expect(await gauge()).toEqual([0]);
  expect(pause.notices()).toEqual({});
});

test('nothing starts before Temporal has said whether the stream is paused', async () => {
  away = true;
  await begin();
  const started = start();
  await pass();
  expect(await started()).toBeUndefined();
  away = false;
  await pass();
  expect(await started()).toBeDefined();
});

test('the last answer counts while Temporal does not answer', async () => {
  await begin();
  away = true;
  await pass();
  expect(await start()()).toBeDefined();
  [away, memo] = [false, paused];
  await pass();
  away = true;
  memo = undefined;
  await pass();
  expect(await start()()).toBeUndefined();
});

test('a permit of the brake is given back if the stream was paused meanwhile', async () => {
  let letThrough: (permit: StartPermit) => void = () => undefined;
  let unused = 0;
  const permit = { ...(await OPEN_GATE.enter(stopping.signal)), unused: () => unused++ };
  await begin({ enter: () => new Promise((resolve) => (letThrough = resolve)) });
  const started = start();
  await settled();
  memo = paused;
  await pass();
  letThrough(permit);
  expect(await started()).toBeUndefined();
  expect(unused).toBe(1);
  memo = undefined;
  await pass();
  letThrough(permit);
  expect(await started()).toBe(permit);
});

test('a start that waits rejects when its signal aborts', async () => {
  memo = paused;
  await begin();
  const stop = new AbortController();
  const waiting = pause.enter(stop.signal);
  await settled();
  stop.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
});
