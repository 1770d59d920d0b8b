import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeterminismViolationError } from '@temporalio/workflow';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { installTemporalRuntime } from '../../src/temporal/runtime';
import { createLogger } from '../../src/telemetry/logger';
import { bundleFrameworkWorkflows } from '../../src/temporal/workflow-bundle';

/** Histories that test/histories/record.ts has recorded. The replay needs no server. */
const HISTORIES = __dirname;
const names = readdirSync(HISTORIES)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.replace('.json', ''));

jest.setTimeout(60_000);

let bundle: { code: string };
beforeAll(async () => {
  // A replay that is refused is logged as a warning with a long stack.
  installTemporalRuntime(createLogger('silent'));
  bundle = await bundleFrameworkWorkflows();
});

function historyOf(name: string): string {
  return readFileSync(join(HISTORIES, `${name}.json`), 'utf8');
}

function replay(history: string, workflowBundle = bundle): Promise<void> {
  return Worker.runReplayHistory({ workflowBundle }, JSON.parse(history));
}

/** One history for each path that a workflow of CloudSync can take. */
test('there is a history of each path of the workflows', () => {
  expect(names.sort()).toEqual([
    'after-one-that-ended',
    'braked-then-resumed',
    'chunk-by-reserved-worker',
    'chunk-expired',
    'chunk-from-memory',
    'chunk-read-back',
    'dead-lettered-after-retries',
    'dead-lettered-at-once',
    'dead-lettered-by-reserved-worker',
    'delivered',
    'delivered-after-fast-retry',
    'delivered-after-retries',
    'held-then-free',
    'invalid-record',
    'invalid-record-revalidated',
    'invalid-record-revalidated-again',
    'paused-then-resumed',
    'replay-stopped',
    'replayed',
    'tells-who-waits',
    'throttled-then-delivered',
    'waited-then-delivered',
  ]);
});

test.each(names)('%s: the workflow of this version replays the recorded history', async (name) => {
  await replay(historyOf(name));
});

test.each(['dead-lettered-by-reserved-worker', 'chunk-by-reserved-worker'])(
  '%s: the activity has a task queue of its own',
  (name) => {
    const queues = historyOf(name).match(/"name": "cloudsync-recorded[^"]*"/g);
    expect(new Set(queues)).toContain('"name": "cloudsync-recorded~reserved"');
  },
);

test.each(names)('%s: the history contains nothing about the machine on which it was recorded', (name) => {
  const history = historyOf(name);
  expect(new Set(history.match(/"identity": "[^"]*"/g))).toEqual(
    new Set(['"identity": "recorder"']),
  );
  expect(history).not.toMatch(/\/home\/|\/Users\/|\/root\/|node_modules|at .*\(.*:\d+:\d+\)/);
});

test('a brake ends on a signal without arguments, as an operator sends it in the UI', async () => {
  const history = historyOf('braked-then-resumed');
  const silent = JSON.parse(history, (key, value: unknown) =>
    key === 'workflowExecutionSignaledEventAttributes' ? { signalName: 'resume' } : value,
  ) as object;
  await expect(replay(JSON.stringify(silent))).resolves.toBeUndefined();
});

describe('a replay fails on a change that breaks running workflows', () => {
  test.each([
    ['delivered-after-retries', '"name": "deliver"', '"name": "deliverAll"'],
    ['dead-lettered-at-once', '"name": "deadLetter"', '"name": "bury"'],
    ['throttled-then-delivered', 'EVENT_TYPE_TIMER_FIRED', 'EVENT_TYPE_TIMER_CANCELED'],
    ['chunk-read-back', '"name": "deliverChunk"', '"name": "deliverAll"'],
    ['invalid-record-revalidated', '"name": "deliverRecord"', '"name": "deliverOther"'],
  ])('%s: %s became %s', async (name, before, after) => {
    const history = historyOf(name);
    expect(history).toContain(before);
    await expect(replay(history.replaceAll(before, after))).rejects.toThrow();
  });

  test('when a timer was added before the first step', async () => {
    const changed = await bundleWorkflowCode({
      workflowsPath: join(__dirname, '..', 'workflows', 'fixtures', 'changed-workflow.ts'),
      logger: new DefaultLogger('ERROR'),
    });
    await expect(replay(historyOf('delivered'), changed)).rejects.toBeInstanceOf(
      DeterminismViolationError,
    );
  });
});
