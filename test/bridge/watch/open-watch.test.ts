import type { Client } from '@temporalio/client';
import { defaultDataConverter } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time';
import { OpenWatch } from '../../../src/bridge/watch/open-watch';
import { createMetrics } from '../../../src/telemetry/metrics';
import { testStream } from '../../domain/support/records';
import { keepingLogger, settled } from '../support/fakes';

const MONDAY = new Date('2026-03-02T00:00:00Z');
const TUESDAY = new Date('2026-03-03T00:00:00Z');
/** How many workflows one check looks at. */
const LOOKED_AT = 20;

/** A namespace of open workflows. The task of each stuck workflow fails. */
class Namespace {
  isAway = false;
  readonly startedAt = new Map([['w', TUESDAY]]);
  readonly stuck = new Set(['w']);
  /** The workflows that the last check has looked at. */
  lookedAt: string[] = [];

  readonly client = {
    connection: { withDeadline: (_: number, ask: () => unknown) => ask() },
    options: { namespace: 'default', loadedDataConverter: defaultDataConverter },
    workflow: {
      getHandle: (workflowId: string) => ({
        describe: () => {
          this.lookedAt.push(workflowId);
          return Promise.resolve({
            ...{ workflowId, runId: 'run', status: { name: 'RUNNING' } },
            startTime: this.startedAt.get(workflowId),
            raw: this.stuck.has(workflowId) ? { pendingWorkflowTask: { attempt: 5 } } : {},
          });
        },
      }),
    },
    workflowService: {
      listWorkflowExecutions: () => {
        if (this.isAway) return Promise.reject(new Error('away'));
        this.lookedAt = [];
        const executions = [...this.startedAt].map(([workflowId, startTime]) => ({
          execution: { workflowId, runId: 'run' },
          startTime: msToTs(startTime.getTime()),
        }));
        return Promise.resolve({ executions });
      },
      getWorkflowExecutionHistoryReverse: () => Promise.resolve({}),
    },
  } as unknown as Client;
}

beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] }));
afterEach(() => jest.useRealTimers());

test('stuck workflows are in notices and gauges until three look-ups in a row fail, and again once one succeeds', async () => {
  const metrics = createMetrics();
  const { logger, lines } = keepingLogger();
  const namespace = new Namespace();
  const watch = new OpenWatch(testStream(), namespace.client, metrics, logger);
  const look = async () => {
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
  await look();
  expect(await told()).toEqual(all);
  namespace.isAway = true;
  await look();
  await look();
  expect(await told()).toEqual(all);
  await look();
  expect(await told()).toEqual({ notices: [], gauges: [0, 0] });
  namespace.isAway = false;
  // The watch looks at the workflow that it knows as stuck, even if enough others are older.
  for (let i = 0; i < LOOKED_AT; i++) namespace.startedAt.set(`older ${i}`, MONDAY);
  await look();
  expect(namespace.lookedAt).toHaveLength(LOOKED_AT);
  expect(namespace.lookedAt).toContain('w');
  expect(await told()).toEqual(all);
  // The watch has logged the stuck workflow once.
  expect(lines.filter(({ msg }) => msg.startsWith('Workflows are stuck'))).toHaveLength(1);
  watch.stop();
});
