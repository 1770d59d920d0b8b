import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { Backoff } from '../../../src/bridge/starts/backoff';
import { OPEN_GATE } from '../../../src/bridge/brake/brake';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import { RecordLane } from '../../../src/bridge/record-lane/record-lane';
import { emptyTotals, parseCommitMetadata } from '../../../src/domain/commit-metadata';
import { PartitionCounters } from '../../../src/bridge/partition/partition-counters';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { PartitionWindow } from '../../../src/bridge/partition/partition-window';
import type { OrderedEntry } from '../../../src/bridge/record-lane/key-order';
import { Outcomes } from '../../../src/bridge/outcomes/outcomes';
import { RecentLayer } from '../../../src/dedupe/recent-layer';
import { DeliveryError } from '../../../src/domain/errors';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { InMemoryIdempotencyService } from '../../../src/dedupe/in-memory-idempotency-service';
import { DUPLICATE_SKIPPED } from '../../../src/telemetry/logger';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord, testStream } from '../../domain/support/records';
import {
  counts,
  deferred,
  fakeClient,
  keepingLogger,
  serviceError,
  settled,
  until,
  type Deferred,
  type StartOptions,
} from '../support/fakes';

interface Start extends Deferred<{ eagerlyStarted: boolean }> {
  type: string;
  options: StartOptions;
}

/** A record lane. The test answers its workflow starts, and ends its workflows. */
class World {
  readonly starts: Start[] = [];
  readonly fatal: unknown[] = [];
  readonly finished: number[] = [];
  readonly memos = new Map<string, Record<string, unknown>>();
  readonly decodeFailures = new Map<number, string>();
  readonly metrics = createMetrics();
  readonly log = keepingLogger();
  readonly stopping = new AbortController();
  readonly window = new PartitionWindow(
    'topic',
    0,
    { records: 1e6, bytes: 1e9 },
    new PartitionCounters(),
  );
  readonly idempotency = new InMemoryIdempotencyService({ maxEntries: 1_000 });
  readonly running: RunningWorkflows;
  readonly dispatcher: RecordLane;
  readonly outcomes: Outcomes;

  constructor(options: Parameters<typeof testStream>[0] = {}) {
    const stream = testStream(options);
    const { logger } = this.log;
    const client = fakeClient({
      start: (type, options) => {
        const start = { ...deferred<{ eagerlyStarted: boolean }>(), type, options };
        this.starts.push(start);
        return start.promise;
      },
      describe: (id) =>
        Promise.resolve({ status: { name: 'RUNNING' }, memo: this.memos.get(id) ?? {} }),
    });
    this.running = new RunningWorkflows(client, logger);
    this.window.counters.load(parseCommitMetadata(null));
    const finish = this.window.finish.bind(this.window);
    this.window.finish = (entry, skippedBy) => {
      this.finished.push(entry.record.offset);
      finish(entry, skippedBy);
    };
    this.outcomes = new Outcomes({
      ...{ stream, metrics: this.metrics, logger, running: this.running, brake: undefined },
      consumer: { countersOf: () => this.window.counters },
    });
    this.dispatcher = new RecordLane({
      stream,
      recent: new RecentLayer(this.idempotency, 30_000),
      decodeFailures: this.decodeFailures,
      start: {
        client,
        stream,
        running: this.running,
        backoff: new Backoff(),
        gate: OPEN_GATE,
        rate: new StartRate(() => undefined),
        metrics: this.metrics,
        logger,
        signal: this.stopping.signal,
      },
      metrics: this.metrics,
      logger,
      outcomes: this.outcomes,
      consumer: { finished: () => undefined },
      onFatal: (error) => this.fatal.push(error),
    });
  }

  /** Pushes records with these values, at one offset after the other. */
  async push(...values: (string | null)[]): Promise<OrderedEntry[]> {
    const first = this.window.watermark ?? 0;
    const begin = Math.max(first, this.#next);
    const records = values.map((value, i) =>
      kafkaRecord({ offset: begin + i, value: value === null ? null : Buffer.from(value) }),
    );
    return this.pushRecords(records);
  }

  async pushRecords(records: KafkaRecord[], window = this.window): Promise<OrderedEntry[]> {
    this.#next = records.at(-1)!.offset + 1;
    const entries = window.accept(records, this.#next);
    this.dispatcher.accept(entries);
    await settled();
    return entries;
  }
  #next = 0;

  /** The ids of all workflows whose start was requested. */
  get ids(): string[] {
    return this.starts.map(({ options }) => options.workflowId);
  }

  async acknowledge(...indexes: number[]): Promise<void> {
    for (const index of indexes) this.starts[index]!.resolve({ eagerlyStarted: true });
    await settled();
  }

  async refuse(index: number, error: unknown): Promise<void> {
    this.starts[index]!.reject(error);
    await settled();
  }

  async close(id: string, outcome: Parameters<RunningWorkflows['ended']>[1]): Promise<void> {
    const start = this.starts.find(({ options }) => options.workflowId === id);
    // The stream's worker reports an end like this.
    const memo = start?.options.memo ?? {};
    this.outcomes.workflowEnded(
      { workflowId: id, runId: id, workflowType: start?.type ?? '', memo },
      outcome,
    );
    this.running.ended(id, outcome);
    await settled();
  }

  get counters() {
    this.window.settleSkipped(this.window.watermark!);
    return parseCommitMetadata(this.window.counters.toMetadata()).totals;
  }

  end(): void {
    this.stopping.abort();
    this.running.stop();
    this.idempotency.close();
  }
}

const message = (id: string, more = '') => `{"id":"${id}"${more}}`;
const many = (count: number) => Array.from({ length: count }, (_, i) => message(`m${i}`));

let world: World;
function create(...limits: ConstructorParameters<typeof World>) {
  world = new World(...limits);
}
afterEach(() => world.end());

describe('a record', () => {
  beforeEach(() => create());

  test('becomes a workflow, and its offset is committable once the start is acknowledged', async () => {
    await world.push(message('42'));
    expect(world.starts).toMatchObject([
      { type: 'deliverRecord', options: { workflowId: 'test-42-0', memo: { messageId: '42' } } },
    ]);
    expect(world.window.watermark).toBe(0);
    await world.acknowledge(0);
    expect(world.window.watermark).toBe(1);
    expect(world.finished).toEqual([0]);
  });

  test.each([
    ['delivered', { delivered: 1 }],
    ['duplicate', { sink: 1 }],
    ['dead_lettered', {}],
  ] as const)('is counted as %s if its workflow ends like that', async (outcome, counters) => {
    await world.push(message('42'));
    await world.acknowledge(0);
    expect(await counts(world.metrics.records)).toEqual({});
    await world.close('test-42-0', outcome);
    expect(await counts(world.metrics.records)).toEqual({ [`test/${outcome}`]: 1 });
    expect(world.counters).toEqual({ ...emptyTotals(), checked: 1, ...counters });
    expect(world.dispatcher.inFlightCount).toBe(0);
  });

  test('is not counted if its workflow was terminated', async () => {
    await world.push(message('42'));
    await world.acknowledge(0);
    await world.close('test-42-0', 'failed');
    expect(await counts(world.metrics.records)).toEqual({});
    expect(world.dispatcher.inFlightCount).toBe(0);
  });
});

describe('slots', () => {
  test('limit the number of records in their first workflow task', async () => {
    create({ maxInFlight: 2 });
    await world.push(...many(5));
    expect(world.ids).toEqual(['test-m0-0', 'test-m1-1']);
    await world.acknowledge(0, 1);
    // The acknowledgement frees no slot, because the workflow still runs its first task.
    expect(world.starts).toHaveLength(2);
    expect(world.dispatcher.inFlightCount).toBe(2);
    await world.close('test-m1-1', 'delivered');
    expect(world.ids).toEqual(['test-m0-0', 'test-m1-1', 'test-m2-2']);
    world.running.firstTaskOver('test-m0-0');
    await settled();
    expect(world.starts).toHaveLength(4);
    expect(world.window.watermark).toBe(2);
  });

  test('limit the number of open workflows', async () => {
    create({ maxInFlight: 2, maxOpen: 3 });
    await world.push(...many(6));
    for (let i = 0; i < 3; i++) {
      await world.acknowledge(i);
      world.running.firstTaskOver(world.ids[i]!);
      await settled();
    }
    expect(world.starts).toHaveLength(3);
    await world.close('test-m0-0', 'dead_lettered');
    expect(world.starts).toHaveLength(4);
  });

  test('come free after every kind of end', async () => {
    create({ maxInFlight: 1, maxOpen: 1 });
    await world.push(message('a'), '{nope', message('a'), message('b'), message('c'), message('d'));
    await world.acknowledge(0);
    await world.close('test-a-0', 'delivered');
    await world.acknowledge(1);
    await world.close('test-invalid-topic-0-1', 'dead_lettered');
    // Layer `recent` skips the second `a`. The workflow id of `b` is taken, so `b` is a duplicate too.
    expect(world.ids.at(-1)).toBe('test-b-3');
    world.memos.set('test-b-3', world.starts[2]!.options.memo);
    await world.refuse(2, new WorkflowExecutionAlreadyStartedError('held', 'test-b-3', 'any'));
    expect(world.ids.at(-1)).toBe('test-c-4');
    // Temporal rejects `c`. The next record gets the slot first, and then the dead letter of `c`.
    await world.refuse(3, serviceError(3));
    expect(world.ids.at(-1)).toBe('test-d-5');
    await world.acknowledge(4);
    await world.close('test-d-5', 'failed');
    expect(world.ids.at(-1)).toBe('test-invalid-topic-0-4');
    await world.acknowledge(5);
    await world.close('test-invalid-topic-0-4', 'dead_lettered');
    expect(world.dispatcher.inFlightCount).toBe(0);
    expect(world.window.watermark).toBe(6);
    expect(world.fatal).toEqual([]);
  });

  test('go to each partition in turn, so that no partition waits behind the backlog of another', async () => {
    create({ maxInFlight: 1 });
    await world.push(...many(4));
    const other = new PartitionWindow(
      'topic',
      1,
      { records: 1e6, bytes: 1e9 },
      new PartitionCounters(),
    );
    other.counters.load(parseCommitMetadata(null));
    const few = [message('x'), message('y')].map((value, offset) =>
      kafkaRecord({ partition: 1, offset, value: Buffer.from(value) }),
    );
    await world.pushRecords(few, other);
    for (let i = 0; i < 6; i++) {
      await world.acknowledge(i);
      await world.close(world.ids[i]!, 'delivered');
    }
    // The slot was free for m0, and m1 had asked for it, before records of the other partition came.
    expect(world.ids.map((id) => id.replace('test-', ''))).toEqual([
      'm0-0',
      'm1-1',
      'x-0',
      'm2-2',
      'y-1',
      'm3-3',
    ]);
  });

  test('let many records through in order, even if the slots are few', async () => {
    create({ maxInFlight: 3, maxOpen: 4 });
    const done = world.push(...many(3_000));
    for (let i = 0; i < 3_000; i++) {
      while (world.starts.length <= i) await new Promise((resolve) => setImmediate(resolve));
      world.starts[i]!.resolve({ eagerlyStarted: true });
      const id = world.ids[i]!;
      while (!world.finished.includes(i)) await new Promise((resolve) => setImmediate(resolve));
      world.running.ended(id, 'delivered');
      expect(world.dispatcher.inFlightCount).toBeLessThanOrEqual(3);
    }
    await done;
    expect(world.finished).toEqual(Array.from({ length: 3_000 }, (_, i) => i));
    expect(world.window.watermark).toBe(3_000);
  }, 60_000);
});

describe('layer recent', () => {
  beforeEach(() => create());

  test('skips and logs a message that was delivered, and its offset is committable', async () => {
    await world.push(message('42'));
    await world.acknowledge(0);
    await world.close('test-42-0', 'delivered');
    await world.push(message('42'));
    expect(world.starts).toHaveLength(1);
    expect(world.window.watermark).toBe(2);
    expect(world.log.lines.filter(({ msg }) => msg === DUPLICATE_SKIPPED)).toMatchObject([
      { stream: 'test', messageId: '42', topic: 'topic', partition: 0, offset: 1, layer: 'recent' },
    ]);
    expect(await counts(world.metrics.duplicates)).toEqual({ 'test/recent': 1 });
    expect(await counts(world.metrics.records)).toMatchObject({ 'test/duplicate': 1 });
    expect(world.counters).toMatchObject({ recent: 1, delivered: 1 });
  });

  test('skips a message that the sink had before', async () => {
    await world.push(message('42'));
    await world.acknowledge(0);
    await world.close('test-42-0', 'duplicate');
    await world.push(message('42'));
    expect(world.starts).toHaveLength(1);
  });

  test('does not skip a message that has the same id but other content', async () => {
    await world.push(message('42'));
    await world.acknowledge(0);
    await world.close('test-42-0', 'delivered');
    await world.push(message('42', ',"more":1'));
    expect(world.ids).toEqual(['test-42-0', 'test-42-1']);
  });

  test('lets a duplicate wait for the message in flight, and skips it when that message is delivered', async () => {
    await world.push(message('42'), message('42'));
    expect(world.ids).toEqual(['test-42-0']);
    await world.acknowledge(0);
    expect(world.window.watermark).toBe(1);
    await world.close('test-42-0', 'delivered');
    expect(world.window.watermark).toBe(2);
    expect(world.starts).toHaveLength(1);
    expect(await counts(world.metrics.recentLockWaits)).toEqual({ test: 1 });
    // The duplicate that waited is checked once more, but it is counted once.
    expect(await counts(world.metrics.recentChecks)).toEqual({ test: 2 });
    expect(parseCommitMetadata(world.window.counters.toMetadata()).totals).toMatchObject({
      checked: 2,
      lockWaits: 1,
    });
  });

  test.each(['dead_lettered', 'failed'] as const)(
    'lets a duplicate start when the message in flight has ended %s',
    async (outcome) => {
      await world.push(message('42'), message('42'));
      await world.acknowledge(0);
      await world.close('test-42-0', outcome);
      expect(world.ids).toEqual(['test-42-0', 'test-42-1']);
    },
  );

  test('lets a duplicate start when the first message could not be started', async () => {
    await world.push(message('42'), message('42'));
    await world.refuse(0, serviceError(3));
    expect(world.ids).toEqual(['test-42-0', 'test-invalid-topic-0-0', 'test-42-1']);
  });

  test('lets duplicates wait without a slot, so that other records can start', async () => {
    world.end();
    create({ maxInFlight: 2, maxOpen: 2 });
    await world.push(...new Array<string>(50).fill(message('42')), message('other'));
    expect(world.ids).toEqual(['test-42-0', 'test-other-50']);
    await world.acknowledge(0, 1);
    await world.close('test-42-0', 'delivered');
    expect(world.window.watermark).toBe(51);
    expect(world.starts).toHaveLength(2);
  });

  test('lets one of many waiting duplicates start at a time', async () => {
    await world.push(...new Array<string>(5).fill(message('42')));
    for (let i = 0; i < 5; i++) {
      expect(world.starts).toHaveLength(i + 1);
      await world.acknowledge(i);
      await world.close(`test-42-${i}`, 'dead_lettered');
    }
    expect(world.window.watermark).toBe(5);
  });
});

test('layer workflow-id skips a redelivered record, and its slot comes free', async () => {
  create();
  await world.push(message('42'));
  world.memos.set('test-42-0', world.starts[0]!.options.memo);
  await world.refuse(0, new WorkflowExecutionAlreadyStartedError('held', 'test-42-0', 'any'));
  expect(world.window.watermark).toBe(1);
  expect(world.dispatcher.inFlightCount).toBe(0);
  expect(await counts(world.metrics.duplicates)).toEqual({ 'test/workflow-id': 1 });
  expect(world.log.lines).toMatchObject([{ msg: DUPLICATE_SKIPPED, layer: 'workflow-id' }]);
  expect(world.counters).toEqual({ ...emptyTotals(), checked: 1, workflowId: 1 });
});

test('a record that is read again while its workflow is open waits for that workflow', async () => {
  create({ maxOpen: 2 });
  await world.push(message('42'));
  await world.acknowledge(0);
  world.running.firstTaskOver('test-42-0');
  // The partition was lost and came back, so the same record is in a new window.
  const again = new PartitionWindow(
    'topic',
    0,
    { records: 10, bytes: 1e6 },
    new PartitionCounters(),
  );
  const record = kafkaRecord({ offset: 0, value: Buffer.from(message('42')) });
  world.window.revoked = true;
  await world.pushRecords([record], again);
  // Neither the record that is read again nor another copy of it starts while the first workflow is open.
  await world.pushRecords([{ ...record, offset: 1 }], again);
  expect(world.starts).toHaveLength(1);
  expect(again.watermark).toBe(0);
  await world.close('test-42-0', 'delivered');
  expect(world.running.size).toBe(0);
  expect(again.watermark).toBe(2);
  expect(await counts(world.metrics.records)).toEqual({ 'test/delivered': 1, 'test/duplicate': 2 });
  // The slot is free again, but no more than that: two of the four records start.
  await world.pushRecords(
    many(4).map((value, i) => kafkaRecord({ offset: 2 + i, value: Buffer.from(value) })),
    again,
  );
  expect(world.starts).toHaveLength(3);
});

describe('an invalid record', () => {
  beforeEach(() => create());

  test('becomes a dead letter, and is counted as invalid', async () => {
    await world.push('{nope', null);
    expect(world.starts).toMatchObject([
      {
        type: 'invalidRecord',
        options: {
          workflowId: 'test-invalid-topic-0-0',
          args: [{ reason: { type: 'InvalidJson' } }],
          memo: { messageId: null },
        },
      },
      { type: 'invalidRecord', options: { args: [{ reason: { type: 'NullValue' } }] } },
    ]);
    await world.acknowledge(0, 1);
    await world.close('test-invalid-topic-0-0', 'dead_lettered');
    expect(await counts(world.metrics.records)).toEqual({ 'test/invalid': 1 });
    expect(world.window.watermark).toBe(2);
  });

  test('becomes a dead letter if it is too large for a workflow', async () => {
    await world.push(message('42', `,"x":"${'x'.repeat(2_100_000)}"`));
    expect(world.starts).toMatchObject([
      { type: 'invalidRecord', options: { args: [{ reason: { type: 'RecordTooLarge' } }] } },
    ]);
    await world.acknowledge(0);
    await world.close('test-invalid-topic-0-0', 'dead_lettered');
    expect(await counts(world.metrics.records)).toEqual({ 'test/invalid': 1 });
    expect(world.idempotency.stats()).toMatchObject({ size: 0, locks: 0 });
  });

  test('becomes a dead letter if Temporal refuses it, and is not remembered as delivered', async () => {
    await world.push(message('42'));
    await world.refuse(0, serviceError(3, 'Blob data size exceeds limit.'));
    const { type, options } = world.starts[1]!;
    expect(type).toBe('invalidRecord');
    expect(options.args).toMatchObject([
      { reason: { type: 'RejectedByTemporal' }, content: { byReference: true } },
    ]);
    expect(JSON.stringify(options.args)).toContain('Blob data size exceeds limit.');
    expect(world.window.watermark).toBe(0);
    await world.acknowledge(1);
    expect(world.window.watermark).toBe(1);
    expect(world.idempotency.stats()).toMatchObject({ size: 0, locks: 0 });
    expect(world.fatal).toEqual([]);
  });

  test('causes a fatal error and stays uncommitted if Temporal also refuses its dead letter', async () => {
    await world.push('{nope');
    await world.refuse(0, serviceError(3));
    expect(world.fatal).toMatchObject([{ name: 'StartRejectedError' }]);
    expect(world.window.watermark).toBe(0);
  });
});

test('under order by key a record is started after the workflow of a slow record, but not of one that has ended', async () => {
  create({ ordering: 'key' });
  const key = Buffer.from('k');
  await world.pushRecords(
    many(3).map((value, offset) => kafkaRecord({ offset, key, value: Buffer.from(value) })),
  );
  await world.acknowledge(0);
  expect(world.ids).toEqual(['test-m0-0']);
  await world.close('test-m0-0', 'delivered');
  await world.acknowledge(1);
  world.running.firstTaskOver('test-m1-1');
  await settled();
  const afters = world.starts.map(({ options }) => (options.args[0] as { after?: string }).after);
  expect(world.ids).toEqual(['test-m0-0', 'test-m1-1', 'test-m2-2']);
  expect(afters).toEqual([undefined, undefined, 'test-m1-1']);
});

describe('when a partition is lost', () => {
  test('its records are dropped, but not the records of other partitions', async () => {
    create({ maxInFlight: 1 });
    const kept = new PartitionWindow(
      'topic',
      1,
      { records: 10, bytes: 1e6 },
      new PartitionCounters(),
    );
    await world.push(...many(10));
    await world.pushRecords([kafkaRecord({ partition: 1, offset: 5 })], kept);
    world.window.revoked = true;
    await world.acknowledge(0);
    await world.close('test-m0-0', 'delivered');
    expect(world.ids).toEqual(['test-m0-0', 'test-42-5']);
    await world.acknowledge(1);
    expect(kept.watermark).toBe(6);
  });

  test('no slot stays taken if only its records are queued', async () => {
    create({ maxInFlight: 1, maxOpen: 1 });
    const entries = await world.push(...many(3));
    world.window.revoked = true;
    await world.acknowledge(0);
    await world.close('test-m0-0', 'delivered');
    expect(world.dispatcher.inFlightCount).toBe(0);
    expect(entries).toHaveLength(3);
    expect(world.starts).toHaveLength(1);
  });

  test('records that wait behind its open record are dropped too', async () => {
    create({ ordering: 'partition' });
    const [stuck] = await world.push(...many(3));
    await world.acknowledge(0);
    world.running.firstTaskOver('test-m0-0');
    expect(stuck!.queued!.queue.waiting).toHaveLength(2);
    world.window.revoked = true;
    world.dispatcher.dropRevoked();
    expect(stuck!.queued!.queue.waiting).toEqual([]);
    await world.close('test-m0-0', 'delivered');
    expect(world.ids).toEqual(['test-m0-0']);
  });

  test('its waiting duplicate is dropped too', async () => {
    create();
    await world.push(message('42'), message('42'));
    await world.acknowledge(0);
    world.window.revoked = true;
    await world.close('test-42-0', 'failed');
    expect(world.starts).toHaveLength(1);
  });
});

describe('when the lane stops', () => {
  test('nothing more is started, and the lane waits for the answers of starts under way', async () => {
    create({ maxInFlight: 1 });
    await world.push(...many(3));
    let stopped = false;
    const stop = world.dispatcher.stop().then(() => (stopped = true));
    await settled();
    expect(stopped).toBe(false);
    await world.acknowledge(0);
    await stop;
    await world.close('test-m0-0', 'delivered');
    expect(world.starts).toHaveLength(1);
    expect(world.window.watermark).toBe(1);
  });

  test('an aborted start causes no fatal error, and its record stays uncommitted', async () => {
    create();
    await world.push(message('42'));
    await world.refuse(0, serviceError(14));
    world.stopping.abort();
    await world.dispatcher.stop();
    expect(world.fatal).toEqual([]);
    expect(world.window.watermark).toBe(0);
  });
});

test('a record is tried again after an outage of the server, until the server takes it', async () => {
  create();
  await world.push(message('42'));
  await world.refuse(0, serviceError(14));
  while (world.starts.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  await world.acknowledge(1);
  expect(world.ids).toEqual(['test-42-0', 'test-42-0']);
  expect(world.window.watermark).toBe(1);
});

test('the records of a lost partition are dropped even if 200,000 of them wait', async () => {
  world = new World({ maxInFlight: 1 });
  await world.push('{"id":"first"}');
  const lost = new PartitionWindow(
    'topic',
    1,
    { records: 1e6, bytes: 1e9 },
    new PartitionCounters(),
  );
  const value = Buffer.from('{"id":"x"}');
  const kept = new PartitionWindow(
    'topic',
    2,
    { records: 1e6, bytes: 1e9 },
    new PartitionCounters(),
  );
  const many = Array.from({ length: 200_000 }, (_, offset) => kafkaRecord({ offset, value }));
  world.dispatcher.accept(kept.accept(many, many.length));
  world.dispatcher.accept(lost.accept(many.slice(0, 10), 10));
  lost.revoked = true;
  expect(() => world.dispatcher.dropRevoked()).not.toThrow();
  kept.revoked = true;
  world.dispatcher.dropRevoked();
  await world.acknowledge(0);
  await settled();
  expect(world.ids).toEqual(['test-first-0']);
});

describe('a record that the stream skips', () => {
  test.each(['none', 'key', 'partition'] as const)(
    'gets no workflow under ordering %s if it has no value, is committable and counted as filtered',
    async (ordering) => {
      create({ onNull: 'skip', ordering });
      const key = Buffer.from('k');
      const at = (offset: number, value: string | null) =>
        kafkaRecord({ offset, key, value: value === null ? null : Buffer.from(value) });
      await world.pushRecords([at(0, null), at(1, null), at(2, message('a')), at(3, null)]);
      await world.acknowledge(0);
      await world.close('test-a-2', 'delivered');
      expect(world.ids).toEqual(['test-a-2']);
      expect(world.window.watermark).toBe(4);
      expect(world.finished.sort()).toEqual([0, 1, 2, 3]);
      expect(await counts(world.metrics.records)).toEqual({
        'test/filtered': 3,
        'test/delivered': 1,
      });
      expect(world.counters).toEqual({ ...emptyTotals(), checked: 1, delivered: 1, filtered: 3 });
      expect(world.dispatcher.inFlightCount).toBe(0);
    },
  );

  test.each(['none', 'key', 'partition'] as const)(
    'gets no workflow under ordering %s if the filter refuses it, and no later record of its key waits',
    async (ordering) => {
      create({ filter: ({ id }) => id !== 'no', ordering });
      const key = Buffer.from('k');
      const at = (offset: number, id: string) =>
        kafkaRecord({ offset, key, value: Buffer.from(message(id)) });
      await world.pushRecords([at(0, 'no'), at(1, 'a'), at(2, 'no')]);
      await world.acknowledge(0);
      await world.close('test-a-1', 'delivered');
      expect(world.ids).toEqual(['test-a-1']);
      expect(world.window.watermark).toBe(3);
      expect(await counts(world.metrics.records)).toEqual({
        'test/filtered': 2,
        'test/delivered': 1,
      });
    },
  );

  test('counts in the totals only once its offset is committed', async () => {
    create({ onNull: 'skip' });
    await world.push(message('a'), null);
    expect(world.window.watermark).toBe(0);
    expect(world.counters.filtered).toBe(0);
    await world.acknowledge(0);
    expect(world.counters.filtered).toBe(1);
  });

  test('takes no slot from records that wait for the sink', async () => {
    create({ onNull: 'skip', maxInFlight: 1, maxOpen: 2 });
    await world.push(...Array.from({ length: 50 }, () => null), message('a'));
    expect(world.ids).toEqual(['test-a-50']);
  });
});

describe('a decoder that fails temporarily', () => {
  let down: string | undefined;
  const decodes: number[] = [];
  const decode =
    (isAsync: boolean) =>
    (value: Buffer, { offset, partition }: KafkaRecord) => {
      decodes.push(offset);
      const fails = down !== undefined && partition === 0;
      const error = fails && new DeliveryError('Transient', down!);
      const json = () => JSON.parse(String(value)) as unknown;
      if (isAsync) return error ? Promise.reject(error) : Promise.resolve().then(json);
      if (error) throw error;
      return json();
    };
  beforeEach(() => {
    down = 'connect ECONNREFUSED registry:8081';
    decodes.length = 0;
  });

  test.each([
    ['throws', false, 'none'],
    ['rejects', true, 'none'],
    ['rejects', true, 'key'],
    ['throws', false, 'partition'],
  ] as const)(
    'and %s (async: %s, ordering %s) makes its own partition wait, and no other',
    async (_, isAsync, ordering) => {
      create({ decode: decode(isAsync), ordering });
      const other = new PartitionWindow(
        'topic',
        1,
        { records: 1e6, bytes: 1e9 },
        new PartitionCounters(),
      );
      other.counters.load(parseCommitMetadata(null));
      const at = (offset: number, partition: number) =>
        kafkaRecord({
          ...{ offset, partition, key: Buffer.from(`k${offset}`) },
          value: Buffer.from(message(`m${partition}${offset}`)),
        });
      await world.pushRecords([at(0, 0), at(1, 0), at(2, 0)]);
      await world.pushRecords([at(0, 1)], other);
      await until("another partition's record is started", () => world.ids.length > 0);
      expect(world.ids).toEqual(['test-m10-0']);
      expect(world.decodeFailures).toEqual(new Map([[0, down]]));
      expect(world.window.watermark).toBe(0);
      expect(world.log.lines.filter(({ msg }) => /can not be decoded/.test(msg))).toHaveLength(1);
      // One record of the partition is tried again.
      const before = decodes.length;
      await until('a record is tried again', () => decodes.length > before);
      down = undefined;
      await until('its partition goes on', () => world.ids.length >= 2);
      for (let i = 0; i < 4; i++) {
        await until('a workflow is started', () => world.starts.length > i);
        await world.acknowledge(i);
        await world.close(world.ids[i]!, 'delivered');
      }
      expect(world.ids).toEqual(['test-m10-0', 'test-m00-0', 'test-m01-1', 'test-m02-2']);
      expect(world.decodeFailures.size).toBe(0);
      expect(world.window.watermark).toBe(3);
      expect(world.dispatcher.inFlightCount).toBe(0);
      expect(world.fatal).toEqual([]);
    },
  );

  test('gets the records of its partition again after they were dropped with the lost partition', async () => {
    create({ decode: decode(true), ordering: 'key' });
    const records = [kafkaRecord({ offset: 0, key: Buffer.from('k') })];
    await world.pushRecords(records);
    await until('decoding has failed', () => world.decodeFailures.size > 0);
    world.window.revoked = true;
    world.dispatcher.dropRevoked();
    expect(world.decodeFailures.size).toBe(0);
    down = undefined;
    const again = new PartitionWindow(
      'topic',
      0,
      { records: 10, bytes: 1e6 },
      world.window.counters,
    );
    await world.pushRecords(records, again);
    await until('the record is started', () => world.starts.length > 0);
    expect(world.ids).toEqual(['test-42-0']);
  });

  test('is called for no more than one record after each pause', async () => {
    create({ decode: decode(false) });
    await world.push(...many(200));
    const first = decodes.length;
    expect(first).toBeLessThanOrEqual(30);
    await until('a record is tried again', () => decodes.length > first);
    expect(decodes.length).toBe(first + 1);
  });
});
