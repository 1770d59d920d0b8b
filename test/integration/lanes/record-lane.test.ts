import { DeliveryError } from '../../../src/domain/errors';
import { deadLetterHeader } from '../../../src/domain/workflow/dead-letter';
import type { ExecutionOptions } from '../../../src/domain/stream/stream';
import { groupProgress } from '../../../src/operations/status/status-progress';
import {
  message,
  World,
  counterValue,
  messageValue,
  until,
  type RunningBridge,
} from '../support/world';

jest.setTimeout(120_000);

/** Retries that go on for longer than a restart takes. */
const OFTEN = {
  fastAttempts: 1,
  maximumAttempts: 50,
  initialIntervalMs: 500,
  maximumIntervalMs: 500,
};

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

describe.each<{ execution: ExecutionOptions }>([
  { execution: { lane: 'record' } },
  { execution: { lane: 'chunk' } },
])('in the $execution.lane lane', ({ execution }) => {
  test('each record reaches the sink once, byte for byte, and its offset is committed', async () => {
    const { stream, sink } = await world.stream({ execution, partitions: 4 });
    const ids = Array.from({ length: 60 }, (_, i) => `m${i}`);
    await world.send(
      stream.topic,
      ids.map((id) => message(id)),
    );
    const bridge = await world.bridge(stream);
    await until('all delivered', () => sink.objects.size === 60);
    await until('all committed', async () => (await world.lag(stream)) === 0);
    expect(sink.attempts).toHaveLength(60);
    for (const id of ids) expect(sink.objects.get(id)).toEqual(messageValue(id));
    // A record is counted when its workflow ends, which is after the delivery at the sink.
    const delivered = () => counterValue(bridge.metrics.records, { outcome: 'delivered' });
    await until('all counted', async () => (await delivered()) === 60);
    const first = sink.attempts[0]!;
    expect(first.workflowId).toBe(`${stream.name}-${first.messageId}-${first.offset}`);
  });

  test('the recent layer finds a duplicate on another partition', async () => {
    const { stream, sink } = await world.stream({ execution });
    const bridge = await world.bridge(stream);
    await world.send(stream.topic, [{ ...message('a'), partition: 0 }]);
    await until('delivered', () => sink.objects.has('a'));
    await world.send(stream.topic, [{ ...message('a'), partition: 1 }]);
    await until(
      'skipped',
      async () => (await counterValue(bridge.metrics.duplicates, { layer: 'recent' })) === 1,
    );
    expect(sink.attempts).toHaveLength(1);
    await until('committed', async () => (await world.lag(stream)) === 0);
  });

  test('the sink finds a duplicate after a restart, and nothing is written twice', async () => {
    const { stream, sink } = await world.stream({ execution });
    const before = await world.bridge(stream);
    await world.send(stream.topic, [message('a')]);
    await until('delivered', () => sink.objects.has('a'));
    await before.stop();
    const after = await world.bridge(stream);
    await world.send(stream.topic, [message('a')]);
    await until(
      'seen by the sink',
      async () => (await counterValue(after.metrics.duplicates, { layer: 'sink' })) === 1,
    );
    await until(
      'counted',
      async () => (await counterValue(after.metrics.records, { outcome: 'duplicate' })) === 1,
    );
  });

  test('five copies at once are delivered once', async () => {
    const { stream, sink } = await world.stream({ execution, partitions: 1 });
    const bridge = await world.bridge(stream);
    await world.send(
      stream.topic,
      Array.from({ length: 5 }, () => message('same')),
    );
    await until(
      'four skipped',
      async () => (await counterValue(bridge.metrics.duplicates, {})) === 4,
    );
    expect(sink.attempts).toHaveLength(1);
  });

  test('a record is delivered after the sink has failed for a while', async () => {
    const { stream, sink } = await world.stream({ execution });
    sink.before = () => {
      if (sink.attempts.length <= 4) throw new DeliveryError('Transient', 'not yet');
    };
    const bridge = await world.bridge(stream);
    await world.send(stream.topic, [message('a')]);
    await until('delivered', () => sink.objects.has('a'));
    expect(sink.attemptsOf('a')).toBe(5);
    expect(await counterValue(bridge.metrics.retries, { error_type: 'Transient' })).toBe(4);
  });

  test('the next attempt waits for the pause that a sink asks for', async () => {
    const { stream, sink } = await world.stream({ execution });
    const times: number[] = [];
    sink.before = () => {
      times.push(Date.now());
      if (times.length <= 2) {
        throw new DeliveryError('Throttled', 'slow down', { retryAfterMs: 1_500 });
      }
    };
    await world.bridge(stream);
    await world.send(stream.topic, [message('a')]);
    await until('delivered', () => sink.objects.has('a'));
    // Not an assertion on speed: the pause is a lower bound that the sink has asked for.
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(1_400);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(1_400);
  });

  test('the same id with other content is a conflict, not a duplicate', async () => {
    const { stream, sink } = await world.stream({ execution, partitions: 1 });
    await world.bridge(stream);
    await world.send(stream.topic, [message('a', 1), message('a', 2)]);
    await until(
      'dead letter',
      async () => (await world.records(stream.deadLetterTopic)).length === 1,
    );
    const [letter] = await world.records(stream.deadLetterTopic);
    expect(deadLetterHeader(letter!, 'error-type')).toBe('ContentConflict');
    expect(sink.objects.size).toBe(1);
    // The first of the two contents is at the sink, and the other is dead-lettered.
    const both = [sink.objects.get('a')!, letter!.value!].map(String).sort();
    expect(both).toEqual([messageValue('a', 1), messageValue('a', 2)].map(String).sort());
  });

  test('a dead letter is written as soon as its topic exists', async () => {
    const { stream, sink } = await world.stream({ execution, withoutDeadLetterTopic: true });
    sink.before = () => {
      throw new DeliveryError('Permanent', 'no');
    };
    await world.bridge(stream);
    await world.send(stream.topic, [message('a')]);
    await until('given up', () => sink.attempts.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await world.workflowStatus(`${stream.name}-a-0`)).toBe('RUNNING');
    await world.createTopics(stream);
    await until(
      'dead letter',
      async () => (await world.records(stream.deadLetterTopic)).length === 1,
    );
  });

  test('a worker without a consumer finishes the workflows of a stopped bridge worker', async () => {
    const { stream, sink } = await world.stream({
      execution,
      retry: OFTEN,
    });
    let broken = true;
    sink.before = () => {
      if (broken) throw new DeliveryError('Transient', 'down');
    };
    const bridge = await world.bridge(stream);
    await world.send(stream.topic, [message('a')]);
    await until('tried', () => sink.attemptsOf('a') >= 2);
    await bridge.stop();
    broken = false;
    await world.worker(stream);
    await until('delivered', () => sink.objects.has('a'));
  });

  test('records that are in retry when their bridge worker stops are counted once, by the process in which they end', async () => {
    const { stream, sink } = await world.stream({
      execution,
      partitions: 1,
      retry: OFTEN,
    });
    let broken = true;
    sink.before = ({ messageId }) => {
      if (broken) throw new DeliveryError('Transient', 'down');
      if (messageId === 'dead') throw new DeliveryError('Permanent', 'no');
    };
    const first = await world.bridge(stream);
    await world.send(stream.topic, [message('dead'), message('good')]);
    await until('tried', () => ['dead', 'good'].every((id) => sink.attemptsOf(id) >= 2));
    await until('committed', async () => (await world.lag(stream)) === 0);
    await first.stop();
    broken = false;
    const second = await world.bridge(stream);
    const counted = (bridge: RunningBridge) =>
      Promise.all(
        ['dead_lettered', 'delivered'].map((outcome) =>
          counterValue(bridge.metrics.records, { outcome }),
        ),
      );
    const letters = async () => (await world.records(stream.deadLetterTopic)).length;
    await until('dead-lettered', async () => (await letters()) === 1);
    await until('counted', async () => String(await counted(second)) === '1,1', 10_000);
    expect(await counted(first)).toEqual([0, 0]);
    // The next commit adds them to the totals of the group.
    await world.send(stream.topic, [message('next')]);
    const totals = async () => (await groupProgress(world.kafka(), stream)).totals;
    await until('added up', async () => (await totals()).delivered === 2);
  });

  test('records that retention has deleted before they were read delay no other record', async () => {
    const { stream, sink } = await world.stream({ execution, partitions: 1 });
    await world.send(stream.topic, [message('a'), message('b')]);
    const first = await world.bridge(stream);
    await until('committed', async () => (await world.lag(stream)) === 0);
    await first.stop();
    await world.send(
      stream.topic,
      Array.from({ length: 10 }, (_, i) => message(`gone-${i}`)),
    );
    await world.send(stream.topic, [message('left')]);
    await world.deleteRecords(stream.topic, 0, 12);
    await world.bridge(stream);
    await until('delivered', () => sink.objects.has('left'));
    await until('committed', async () => (await world.lag(stream)) === 0);
    expect([...sink.objects.keys()].sort()).toEqual(['a', 'b', 'left']);
  });

  test('a topic that is recreated while a bridge worker runs is read from its start', async () => {
    const { stream, sink } = await world.stream({ execution, partitions: 1 });
    await world.send(
      stream.topic,
      Array.from({ length: 20 }, (_, i) => message(`old-${i}`)),
    );
    await world.bridge(stream);
    await until('committed', async () => (await world.lag(stream)) === 0);
    await world.recreateTopic(stream);
    await world.send(stream.topic, [message('new-1'), message('new-2')]);
    await until('delivered', () => sink.objects.has('new-1') && sink.objects.has('new-2'));
  });
});

test('a record that always fails is dead-lettered, and its workflow is listed as failed', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  sink.before = ({ messageId }) => {
    if (messageId === 'bad') throw new DeliveryError('Transient', 'never');
  };
  await world.bridge(stream);
  await world.send(stream.topic, [message('bad'), message('good')]);
  await until(
    'dead letter',
    async () => (await world.records(stream.deadLetterTopic)).length === 1,
  );
  expect(sink.objects.has('good')).toBe(true);
  expect(sink.attemptsOf('bad')).toBe(2 + 4);
  const [letter] = await world.records(stream.deadLetterTopic);
  expect(deadLetterHeader(letter!, 'error-type')).toBe('Transient');
  expect(deadLetterHeader(letter!, 'attempts')).toBe('6');
  const workflowId = `${stream.name}-bad-0`;
  expect(deadLetterHeader(letter!, 'workflow-id')).toBe(workflowId);
  await until('failed', async () => (await world.workflowStatus(workflowId)) === 'FAILED');
});

test('another record with the same workflow id is started under a longer id', async () => {
  const { stream, sink } = await world.stream({ partitions: 2 });
  const bridge = await world.bridge(stream);
  // The same id and offset on two partitions, with different content, so that no layer sees a duplicate.
  await world.send(stream.topic, [{ ...message('a', 1), partition: 0 }]);
  await until('delivered', () => sink.objects.has('a'));
  await world.send(stream.topic, [{ ...message('a', 2), partition: 1 }]);
  await until(
    'dead letter',
    async () => (await world.records(stream.deadLetterTopic)).length === 1,
  );
  const [letter] = await world.records(stream.deadLetterTopic);
  expect(deadLetterHeader(letter!, 'workflow-id')).toBe(`${stream.name}-a-0~${stream.topic}-1`);
  expect(await counterValue(bridge.metrics.idCollisions, {})).toBe(1);
});
