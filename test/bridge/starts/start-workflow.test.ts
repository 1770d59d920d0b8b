import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { Backoff } from '../../../src/bridge/starts/backoff';
import { OPEN_GATE } from '../../../src/bridge/brake/brake';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { StartRejectedError, startWorkflow } from '../../../src/bridge/starts/start-workflow';
import { startOfRecord } from '../../../src/domain/workflow/record-start';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import {
  counts,
  fakeClient,
  keepingLogger,
  serviceError,
  settled,
  type StartOptions,
} from '../support/fakes';

const stream = testStream();
const start = startOfRecord(stream, kafkaRecord(), '42');
const memo = { ...start.memo };
const [FIRST, SECOND, THIRD] = [
  'test-42-7',
  'test-42-7~topic-0',
  'test-42-7~topic-0-1700000000123',
];
const STARTED = expect.stringMatching(/^test-42-7/) as string;
const RUNNING = { name: 'RUNNING' };

const alreadyStarted = (id = FIRST) =>
  new WorkflowExecutionAlreadyStartedError('Workflow execution already started', id, 'any');

let running: RunningWorkflows | undefined;
afterEach(() => running?.stop());

/**
 * Starts the record's workflow on a fake server. `answers` are the server's answers to starts, in their order.
 * `holders` has, by workflow id, the memo or the error that the server gives when a workflow is looked up.
 */
function begin(answers: ('ok' | Error)[], holders: Record<string, object | Error> = {}) {
  const starts: StartOptions[] = [];
  const closed: string[] = [];
  const client = fakeClient({
    start: (_, options) => {
      starts.push(options);
      const answer = answers[starts.length - 1];
      return answer instanceof Error || answer === undefined
        ? Promise.reject(answer ?? new Error('one start too many'))
        : Promise.resolve({ eagerlyStarted: true });
    },
    describe: (id) => {
      const holder = holders[id];
      return holder === undefined || holder instanceof Error
        ? Promise.reject(holder ?? new WorkflowNotFoundError('not found', id, undefined))
        : Promise.resolve({ status: RUNNING, memo: holder as Record<string, unknown> });
    },
  });
  const { logger, lines } = keepingLogger();
  const metrics = createMetrics();
  const stopping = new AbortController();
  running = new RunningWorkflows(client, logger);
  const backoff = new Backoff();
  const rate = new StartRate(() => undefined);
  const result = startWorkflow(
    {
      client,
      stream,
      running,
      backoff,
      gate: OPEN_GATE,
      rate,
      metrics,
      logger,
      signal: stopping.signal,
    },
    start,
  );
  void result.then(
    async (started) => 'ended' in started && closed.push(await started.ended),
    () => undefined,
  );
  return { result, starts, closed, running, lines, metrics, stopping, backoff, rate };
}

test('a workflow is started once, with policies that never replace an existing workflow', async () => {
  const { result, starts, running } = begin(['ok']);
  await expect(result).resolves.toMatchObject({ workflowId: STARTED });
  expect(starts).toEqual([
    {
      workflowId: FIRST,
      taskQueue: 'cloudsync-test',
      args: start.args,
      memo,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: 'test `42`',
      requestEagerStart: true,
    },
  ]);
  expect(running.size).toBe(1);
});

test('the end of a workflow is reported even if it comes before the acknowledgement of its start', async () => {
  const { result, closed, running } = begin(['ok']);
  await Promise.resolve();
  running.ended(FIRST, 'delivered');
  expect(closed).toEqual([]);
  await result;
  await settled();
  expect(closed).toEqual(['delivered']);
  expect(running.size).toBe(0);
});

describe('when the workflow id is already taken', () => {
  test('the record is a duplicate if its own workflow has the id', async () => {
    const { result, starts, running, metrics } = begin([alreadyStarted()], { [FIRST]: memo });
    await expect(result).resolves.toMatchObject({ duplicateOf: memo, hasEnded: false });
    expect(starts).toHaveLength(1);
    expect(running.size).toBe(0);
    expect(await counts(metrics.idCollisions)).toEqual({});
  });

  test.each(['stream', 'topic', 'partition', 'offset', 'timestamp'])(
    'the record is started under the next id if a record of another %s has the id',
    async (field) => {
      const holders = { [FIRST]: { ...memo, [field]: 'other' } };
      const { result, starts, lines, metrics, running } = begin([alreadyStarted(), 'ok'], holders);
      await expect(result).resolves.toMatchObject({ workflowId: STARTED });
      expect(starts.map(({ workflowId }) => workflowId)).toEqual([FIRST, SECOND]);
      expect(starts[1]).toMatchObject({ args: start.args, memo });
      expect(running.size).toBe(1);
      expect(await counts(metrics.idCollisions)).toEqual({ test: 1 });
      expect(lines.filter(({ level }) => level === 50)).toMatchObject([{ workflowId: FIRST }]);
    },
  );

  test('the record is started under the next id if a workflow without a memo has the id', async () => {
    const { result } = begin([alreadyStarted(), 'ok'], { [FIRST]: {} });
    await expect(result).resolves.toMatchObject({ workflowId: STARTED });
  });

  test('the record is a duplicate if another record has the id and its own workflow has the next id', async () => {
    const holders = { [FIRST]: { ...memo, partition: 9 }, [SECOND]: memo };
    const { result } = begin([alreadyStarted(), alreadyStarted(SECOND)], holders);
    await expect(result).resolves.toMatchObject({ duplicateOf: memo, hasEnded: false });
  });

  test('the record is rejected, not dropped, if other records have all of its ids', async () => {
    const other = { ...memo, stream: 'other' };
    const holders = { [FIRST]: other, [SECOND]: other, [THIRD]: other };
    const { result, starts, running, metrics } = begin(
      [alreadyStarted(), alreadyStarted(SECOND), alreadyStarted(THIRD)],
      holders,
    );
    await expect(result).rejects.toBeInstanceOf(StartRejectedError);
    expect(starts.map(({ workflowId }) => workflowId)).toEqual([FIRST, SECOND, THIRD]);
    expect(running.size).toBe(0);
    expect(await counts(metrics.idCollisions)).toEqual({ test: 3 });
  });

  test('the record is started again if the workflow is gone when it is looked up', async () => {
    const { result, starts } = begin([alreadyStarted(), 'ok']);
    await expect(result).resolves.toMatchObject({ workflowId: STARTED });
    expect(starts.map(({ workflowId }) => workflowId)).toEqual([FIRST, FIRST]);
  });

  test('the start is repeated at growing pauses if the workflow is gone at every look-up', async () => {
    const { result, starts, stopping } = begin(Array.from({ length: 100 }, () => alreadyStarted()));
    await new Promise((resolve) => setTimeout(resolve, 500));
    stopping.abort();
    await expect(result).rejects.toMatchObject({ name: 'AbortError' });
    // The start is repeated after 25, 75, 175 and 375 ms.
    expect(starts.length).toBeGreaterThan(1);
    expect(starts.length).toBeLessThanOrEqual(6);
  });

  test('the record counts as started, not as a duplicate, if its own unanswered start took the id', async () => {
    const { result, starts, running } = begin([serviceError(4), alreadyStarted()], {
      [FIRST]: memo,
    });
    await expect(result).resolves.toMatchObject({ workflowId: STARTED });
    expect(starts).toHaveLength(2);
    expect(running.size).toBe(1);
  });

  test('the record is started under the next id if another record has the id after an unanswered start', async () => {
    const holders = { [FIRST]: { ...memo, timestamp: 1 } };
    const { result, starts } = begin([serviceError(4), alreadyStarted(), 'ok'], holders);
    await expect(result).resolves.toMatchObject({ workflowId: STARTED });
    expect(starts.map(({ workflowId }) => workflowId)).toEqual([FIRST, FIRST, SECOND]);
  });

  test('the end of the workflow is reported once if it comes between two tries', async () => {
    const { result, closed, running } = begin([serviceError(4), alreadyStarted()], {
      [FIRST]: memo,
    });
    await settled();
    running.ended(FIRST, 'delivered');
    await expect(result).resolves.toMatchObject({ workflowId: STARTED });
    expect(closed).toEqual(['delivered']);
    expect(running.size).toBe(0);
  });

  test('the end of another workflow with the id is not taken for the end of the record', async () => {
    const holders = { [FIRST]: { ...memo, timestamp: 1 } };
    const { result, closed, running } = begin([alreadyStarted(), 'ok'], holders);
    running.ended(FIRST, 'delivered');
    await expect(result).resolves.toMatchObject({ workflowId: STARTED });
    expect(closed).toEqual([]);
    running.ended(SECOND, 'dead_lettered');
    await settled();
    expect(closed).toEqual(['dead_lettered']);
  });
});

describe('when the server answers with an error', () => {
  test('INVALID_ARGUMENT rejects the record at once, with the text of the server', async () => {
    const { result, starts, running } = begin([serviceError(3, 'Blob data size exceeds limit.')]);
    await expect(result).rejects.toThrow(StartRejectedError);
    await expect(result).rejects.toThrow('Blob data size exceeds limit.');
    expect(starts).toHaveLength(1);
    expect(running.size).toBe(0);
  });

  test.each([
    ['unavailable', serviceError(14)],
    ['deadline_exceeded', serviceError(4)],
    ['not_found', serviceError(5)],
    ['other', new Error('socket hang up')],
  ])(
    'reason %s leads to a pause, and then to another try with the same id',
    async (reason, error) => {
      const { result, starts, metrics, lines, running } = begin([error, 'ok']);
      await expect(result).resolves.toMatchObject({ workflowId: STARTED });
      expect(starts.map(({ workflowId }) => workflowId)).toEqual([FIRST, FIRST]);
      expect(await counts(metrics.backoff)).toEqual({ [`test/${reason}`]: 1 });
      expect(lines).toMatchObject([{ level: 40, reason }]);
      expect(running.size).toBe(1);
    },
  );

  test('resource_exhausted slows starts down without a pause, and leads to another try with the same id', async () => {
    const exhausted = serviceError(8, 'namespace rate limit exceeded');
    const { result, starts, metrics, lines, rate, backoff } = begin([exhausted, exhausted, 'ok']);
    await expect(result).resolves.toMatchObject({ workflowId: 'test-42-7' });
    expect(starts.map(({ workflowId }) => workflowId)).toEqual([FIRST, FIRST, FIRST]);
    expect(rate.limit).toBeLessThan(10);
    expect(backoff.active).toBe(false);
    expect(await counts(metrics.backoff)).toEqual({ 'test/resource_exhausted': 2 });
    expect(lines).toMatchObject([
      { level: 40, perSecond: 1, msg: "Temporal's rate limit is reached; starts slow down" },
    ]);
  });

  test('the bridge looks the workflow up again if the look-up failed', async () => {
    let times = 0;
    const holders = {
      get [FIRST]() {
        return ++times === 1 ? serviceError(14) : memo;
      },
    };
    const { result, starts } = begin([alreadyStarted()], holders);
    await expect(result).resolves.toMatchObject({ duplicateOf: memo, hasEnded: false });
    expect([starts.length, times]).toEqual([1, 2]);
  });

  test('an abort during the pause rejects the record, and nothing more is started', async () => {
    const { result, starts, stopping, running } = begin([serviceError(14), 'ok']);
    await settled();
    stopping.abort();
    await expect(result).rejects.toThrow(/abort/);
    expect(starts).toHaveLength(1);
    expect(running.size).toBe(0);
  });
});
