import type { Client } from '@temporalio/client';
import { TemporalProbe } from '../../src/temporal/probe';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('the probe reports a fault while Temporal does not answer, and none afterwards', async () => {
  let answer: () => Promise<unknown> = () => Promise.resolve({});
  const asked: unknown[] = [];
  const client = {
    connection: { withDeadline: (_: number, call: () => Promise<unknown>) => call() },
    workflowService: {
      describeNamespace: (request: unknown) => {
        asked.push(request);
        return answer();
      },
    },
  };
  const probe = new TemporalProbe(client as unknown as Client, 'orders');
  expect(probe.fault()).toBeUndefined();
  answer = () => Promise.reject(new Error('14 UNAVAILABLE: connection refused'));
  await jest.advanceTimersByTimeAsync(5_000);
  expect(asked).toEqual([{ namespace: 'orders' }]);
  expect(probe.fault()).toBe('does not answer: 14 UNAVAILABLE: connection refused');

  // Only one request runs at a time, however long it takes.
  let reply: (value: unknown) => void = () => undefined;
  answer = () => new Promise((resolve) => (reply = resolve));
  await jest.advanceTimersByTimeAsync(15_000);
  expect(asked).toHaveLength(2);
  reply({});
  await jest.advanceTimersByTimeAsync(0);
  expect(probe.fault()).toBeUndefined();

  probe.stop();
  await jest.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(2);
});
