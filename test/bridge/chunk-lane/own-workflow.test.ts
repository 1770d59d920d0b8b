import { Backoff } from '../../../src/bridge/starts/backoff';
import { OPEN_GATE } from '../../../src/bridge/brake/brake';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import { createOwnWorkflowStarter } from '../../../src/bridge/chunk-lane/own-workflow';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { startAfter, startOfRecord } from '../../../src/domain/workflow/record-start';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { fakeClient, keepingLogger, serviceError, settled } from '../support/fakes';

const stream = testStream({ maxOpen: 2 });
const { logger } = keepingLogger();
const never = new AbortController().signal;
const started: string[] = [];
const afters: unknown[] = [];
let refuse: unknown;
let running: RunningWorkflows;
let startOwnWorkflow: (offset: number, signal?: AbortSignal, after?: string) => Promise<string>;

beforeEach(() => {
  started.length = afters.length = 0;
  refuse = undefined;
  const client = fakeClient({
    start: (_, { workflowId, args }) => {
      started.push(workflowId);
      afters.push((args[0] as { after?: string }).after);
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as the test says
      return refuse ? Promise.reject(refuse) : Promise.resolve({ eagerlyStarted: true });
    },
  });
  running = new RunningWorkflows(client, logger);
  const metrics = createMetrics();
  const deps = {
    client,
    stream,
    running,
    backoff: new Backoff(),
    gate: OPEN_GATE,
    rate: new StartRate(() => undefined),
    metrics,
    logger,
    signal: never,
  };
  const give = createOwnWorkflowStarter(deps);
  startOwnWorkflow = (offset, signal = never, after) => {
    const record = kafkaRecord({ offset, value: Buffer.from(`{"id":"m${offset}"}`) });
    const start = startOfRecord(stream, record, `m${offset}`);
    return give(startAfter(start, after), record, signal);
  };
});
afterEach(() => running.stop());

test('no more workflows of records that left are open than the stream allows', async () => {
  void startOwnWorkflow(0);
  void startOwnWorkflow(1);
  void startOwnWorkflow(2);
  await settled();
  expect(started).toEqual(['test-m0-0', 'test-m1-1']);
  running.ended('test-m1-1', 'delivered');
  await settled();
  expect(started).toEqual(['test-m0-0', 'test-m1-1', 'test-m2-2']);
});

test('a record that still waits when its attempt ends is not started, and takes no slot', async () => {
  await Promise.all([startOwnWorkflow(0), startOwnWorkflow(1)]);
  const attempt = new AbortController();
  const waiting = startOwnWorkflow(2, attempt.signal);
  attempt.abort();
  // The start is rejected at once, before a slot comes free.
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  running.ended('test-m0-0', 'delivered');
  await startOwnWorkflow(3);
  expect(started).toEqual(['test-m0-0', 'test-m1-1', 'test-m3-3']);
});

test('a record becomes a dead letter if Temporal rejects the start of its workflow', async () => {
  refuse = serviceError(3);
  await expect(startOwnWorkflow(0)).rejects.toMatchObject({ name: 'StartRejectedError' });
  expect(started).toEqual(['test-m0-0', 'test-invalid-topic-0-0']);
});

test('the dead letter of a rejected record waits for the predecessor of its key as well', async () => {
  refuse = serviceError(3);
  await expect(startOwnWorkflow(1, never, 'test-m0-0')).rejects.toThrow();
  expect(started).toEqual(['test-m1-1', 'test-invalid-topic-0-1']);
  expect(afters).toEqual(['test-m0-0', 'test-m0-0']);
});
