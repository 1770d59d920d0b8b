import type { Client } from '@temporalio/client';
import { OpenWatch } from '../../../src/bridge/watch/open-watch';
import { slowWorkflows, type SlowWorkflows } from '../../../src/temporal/open-workflows';
import { createMetrics } from '../../../src/telemetry/metrics';
import { testStream } from '../../domain/support/records';
import { keepingLogger, settled } from '../support/fakes';

jest.mock('../../../src/temporal/open-workflows', () => ({
  ...jest.requireActual<object>('../../../src/temporal/open-workflows'),
  slowWorkflows: jest.fn(),
}));

beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] }));
afterEach(() => jest.useRealTimers());

test('stuck workflows are in notices and gauges until three look-ups in a row fail, and again once one succeeds', async () => {
  const stream = testStream();
  const metrics = createMetrics();
  const { logger, lines } = keepingLogger();
  const connection = { withDeadline: (_: number, ask: () => unknown) => ask() };
  const watch = new OpenWatch(stream, { connection } as unknown as Client, metrics, logger);
  const since = new Date().toISOString();
  const stuck = { count: 1, since, errorMessage: 'no such module', workflowIds: ['w'] };
  const found = { stuck, since, count: 1, lookedAt: 1 } as unknown as SlowWorkflows;
  const look = async (answer: SlowWorkflows | Error) => {
    const asked = jest.mocked(slowWorkflows);
    if (answer instanceof Error) asked.mockRejectedValue(answer);
    else asked.mockResolvedValue(answer);
    jest.advanceTimersByTime(15_000);
    await settled();
  };
  const told = async () => ({
    notices: Object.keys(watch.notices()),
    gauges: [
      (await metrics.stuckWorkflows.get()).values.length,
      (await metrics.oldestOpenSeconds.get()).values.length,
    ],
  });
  const all = { notices: ['stuck test'], gauges: [1, 1] };
  watch.start();
  await look(found);
  expect(await told()).toEqual(all);
  await look(new Error('away'));
  await look(new Error('away'));
  expect(await told()).toEqual(all);
  await look(new Error('away'));
  expect(await told()).toEqual({ notices: [], gauges: [0, 0] });
  await look(found);
  expect(await told()).toEqual(all);
  // The watch asks for the workflows that it already knows, and has logged them once.
  const known = { known: ['w'] };
  expect(slowWorkflows).toHaveBeenLastCalledWith(
    expect.anything(),
    stream,
    expect.objectContaining(known),
  );
  expect(lines.filter(({ msg }) => msg.startsWith('Workflows are stuck'))).toHaveLength(1);
  watch.stop();
});
