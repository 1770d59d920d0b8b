import type { StartOwnWorkflow } from '../../../src/activities/chunk/dependencies';
import { Backoff } from '../../../src/bridge/starts/backoff';
import { OPEN_GATE } from '../../../src/bridge/brake/brake';
import { ChunkLane } from '../../../src/bridge/chunk-lane/chunk-lane';
import { ChunkMemory } from '../../../src/bridge/chunk-lane/chunk-memory';
import { PartitionCounters } from '../../../src/bridge/partition/partition-counters';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { PartitionWindow } from '../../../src/bridge/partition/partition-window';
import { Outcomes } from '../../../src/bridge/outcomes/outcomes';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import { parseCommitMetadata } from '../../../src/domain/commit-metadata';
import { DeliveryError } from '../../../src/domain/errors';
import { keyHash } from '../../../src/domain/workflow/key-hash';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import {
  deferred,
  fakeClient,
  keepingLogger,
  serviceError,
  settled,
  until,
} from '../support/fakes';

const { logger } = keepingLogger();
const metrics = createMetrics();
const { signal } = new AbortController();

/** Creates a partition whose chunks Temporal refuses for good. A record's workflow starts when the test says so. */
function refusing(ordering: 'none' | 'key', decode?: (value: Buffer) => unknown) {
  const stream = testStream({ ordering, execution: { lane: 'chunk' }, ...(decode && { decode }) });
  const decodeFailures = new Map<number, string>();
  const client = fakeClient({
    start: () => Promise.reject(serviceError(3)),
    describe: () => Promise.resolve({ status: { name: 'RUNNING' } }),
  });
  const running = new RunningWorkflows(client, logger);
  const fatal: unknown[] = [];
  const handedOn: {
    offset: number;
    after: string | undefined;
    signal: AbortSignal;
    started(): void;
  }[] = [];
  const startOwnWorkflow: StartOwnWorkflow = async (
    { workflowId, args: [{ after }] },
    { offset },
    until,
  ) => {
    const start = deferred<void>();
    handedOn.push({ offset, after, signal: until, started: () => start.resolve() });
    await start.promise;
    return workflowId;
  };
  const dispatcher = new ChunkLane({
    ...{
      stream,
      limits: { maxRecords: 10, maxBytes: 1e9, lingerMs: 0 },
      remembered: new ChunkMemory(),
    },
    ...{ startOwnWorkflow, metrics, logger },
    start: {
      ...{ client, stream, running, backoff: new Backoff(), gate: OPEN_GATE },
      ...{ rate: new StartRate(() => undefined), metrics, logger, signal },
    },
    outcomes: new Outcomes({
      ...{ stream, metrics, logger, brake: undefined, running, decodeFailures },
    }),
    consumer: { committedStart: () => Promise.resolve(0), finished: () => undefined },
    onFatal: (error) => fatal.push(error),
  });
  const counters = new PartitionCounters();
  counters.load(parseCommitMetadata(null));
  const window = new PartitionWindow(
    stream.topic,
    0,
    { records: 99, bytes: 1e9 },
    counters,
    'chunk',
  );
  const push = (...records: { key: string; value: string }[]) =>
    dispatcher.accept(
      window.accept(
        records.map(({ key, value }, offset) =>
          kafkaRecord({ offset, key: Buffer.from(key), value: Buffer.from(value) }),
        ),
        records.length,
      ),
    );
  const hashOf = (key: string) => keyHash(ordering, kafkaRecord({ key: Buffer.from(key) }));
  return { running, dispatcher, handedOn, counters, window, push, hashOf, fatal, decodeFailures };
}

test('a record of a refused chunk is committable and listed as predecessor before the next one is started', async () => {
  const { running, dispatcher, handedOn, counters, window, push, hashOf, fatal } = refusing('key');
  push(...['m0', 'm1', 'm2'].map((id) => ({ key: 'a', value: `{"id":"${id}"}` })));
  await settled();
  expect([handedOn.length, window.watermark, counters.predecessors.list]).toEqual([1, 0, []]);
  handedOn[0]!.started();
  await settled();
  expect(handedOn.map(({ offset, after }) => ({ offset, after }))).toEqual([
    { offset: 0, after: undefined },
    { offset: 1, after: 'test-m0-0' },
  ]);
  expect(window.watermark).toBe(1);
  expect(counters.predecessors.list).toEqual([[hashOf('a'), 'test-m0-0']]);
  // The partition is revoked, and the next owner goes on from offset 1.
  window.revoked = true;
  dispatcher.dropRevoked();
  expect(handedOn[1]!.signal.aborted).toBe(true);
  handedOn[1]!.started();
  await settled();
  expect([handedOn.length, fatal]).toEqual([2, []]);
  running.stop();
});

test('a refused chunk is committable record by record if the stream asks for no order', async () => {
  const { running, handedOn, counters, window, push, fatal } = refusing('none');
  push(...['m0', 'm1'].map((id) => ({ key: 'a', value: `{"id":"${id}"}` })));
  await settled();
  handedOn[0]!.started();
  await settled();
  expect([handedOn.length, window.watermark, counters.predecessors.list]).toEqual([2, 1, []]);
  handedOn[1]!.started();
  await settled();
  expect([window.watermark, fatal]).toEqual([2, []]);
  running.stop();
});

test('a record of a refused chunk that is not decodable for now is reported until the record is decoded', async () => {
  let isDown = true;
  const { running, dispatcher, handedOn, push, decodeFailures, fatal } = refusing(
    'none',
    (value) => {
      if (isDown) throw new DeliveryError('Transient', 'the registry does not answer');
      return JSON.parse(value.toString()) as unknown;
    },
  );
  push({ key: 'a', value: '{"id":"m0"}' });
  await until('the stall has a cause', () => decodeFailures.size > 0);
  expect([...decodeFailures]).toEqual([[0, expect.stringContaining('does not answer')]]);
  isDown = false;
  await until('the record starts', () => handedOn.length > 0);
  expect(decodeFailures.size).toBe(0);
  handedOn[0]!.started();
  await settled();
  isDown = true;
  await dispatcher.stop();
  expect([decodeFailures.size, fatal]).toEqual([0, []]);
  running.stop();
});
