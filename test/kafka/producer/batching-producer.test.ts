import fc from 'fast-check';
import {
  BatchingProducer,
  QueueFullError,
  type BatchingLimits,
  type OutgoingRecord,
} from '../../../src/kafka/producer/batching-producer';

const record = (id: string, bytes = 1): OutgoingRecord => ({
  key: Buffer.from(id),
  value: Buffer.alloc(bytes, 'x'),
});
const records = (count: number, prefix = 'r') =>
  Array.from({ length: count }, (_, i) => record(`${prefix}${i}`));
const idsOf = (batch: OutgoingRecord[]) => batch.map(({ key }) => String(key));

class Retriable extends Error {}

/** A producer with a broker whose answers the test gives by hand, or `answer` gives. */
function producerWith(given: Partial<BatchingLimits> = {}, answer?: () => Promise<unknown>) {
  const sent: { batch: OutgoingRecord[]; resolve: () => void; reject: (error: Error) => void }[] =
    [];
  const producer = new BatchingProducer({
    send: (batch) =>
      new Promise((resolve, reject) => {
        const one = { batch: [...batch], resolve: () => resolve(undefined), reject };
        sent.push(one);
        answer?.().then(one.resolve, reject);
      }),
    reasonOf: (error) => (error as Error).message,
    isRetriable: (error) => error instanceof Retriable,
    limits: {
      batchRecords: 3,
      batchBytes: () => 1_000,
      lingerMs: 5,
      inFlight: 2,
      queueRecords: 10,
      queueBytes: 10_000,
      deliveryTimeoutMs: 5_000,
      ...given,
    },
  });
  return { producer, sent };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('never happened');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('a full batch is sent at once, the rest after the linger time, and the call ends with both', async () => {
  const { producer, sent } = producerWith();
  const answer = producer.send(records(4));
  expect(sent.map(({ batch }) => idsOf(batch))).toEqual([['r0', 'r1', 'r2']]);
  await until(() => sent.length === 2);
  expect(idsOf(sent[1]!.batch)).toEqual(['r3']);
  sent[1]!.resolve();
  sent[0]!.resolve();
  expect(await answer).toEqual({ missing: [] });
  await until(() => producer.records === 0);
  expect(producer.bytes).toBe(0);
});

test('calls share a batch, and each gets its own answer', async () => {
  const { producer, sent } = producerWith();
  const answers = [producer.send([record('a')]), producer.send([record('b')])];
  await until(() => sent.length === 1);
  expect(idsOf(sent[0]!.batch)).toEqual(['a', 'b']);
  sent[0]!.resolve();
  expect(await Promise.all(answers)).toEqual([{ missing: [] }, { missing: [] }]);
});

test('a batch stays within its limit of bytes, unless a single record is larger', async () => {
  const { producer, sent } = producerWith({ inFlight: 9 });
  void producer.send([record('a', 600), record('b', 600), record('c', 2_000), record('d', 1)]);
  await until(() => sent.length === 4);
  expect(sent.map(({ batch }) => idsOf(batch))).toEqual([['a'], ['b'], ['c'], ['d']]);
});

test('headers count as bytes of a batch', async () => {
  const { producer, sent } = producerWith({ inFlight: 9 });
  const headers = { tracestate: 'x'.repeat(700) };
  void producer.send([
    { ...record('a'), headers },
    { ...record('b'), headers },
  ]);
  await until(() => sent.length === 2);
});

test('the number of batches in flight stays within its limit', async () => {
  const { producer, sent } = producerWith();
  void producer.send(records(9));
  expect(sent).toHaveLength(2);
  sent[0]!.resolve();
  await until(() => sent.length === 3);
});

test('a full queue refuses calls until there is room again', async () => {
  const { producer, sent } = producerWith();
  const first = producer.send(records(9));
  expect(producer.full).toBe(false);
  expect(() => producer.send(records(2))).toThrow(QueueFullError);
  const second = producer.send([record('last')]);
  expect(producer.full).toBe(true);
  await until(() => {
    for (const one of sent) one.resolve();
    return producer.records === 0;
  });
  expect(await first).toEqual({ missing: [] });
  expect(await second).toEqual({ missing: [] });
  expect(sent.flatMap(({ batch }) => idsOf(batch))).toHaveLength(10);
  expect(producer.full).toBe(false);
});

test('an empty queue accepts a call beyond its limit, which could never succeed otherwise', () => {
  const { producer } = producerWith({ queueBytes: 100 });
  void producer.send([record('large', 5_000)]);
  expect(producer.full).toBe(true);
  expect(() => producer.send([record('next')])).toThrow(QueueFullError);
});

test('a batch with a retriable failure is sent again until it succeeds', async () => {
  let tries = 0;
  const { producer, sent } = producerWith({}, () =>
    ++tries < 3 ? Promise.reject(new Retriable('broker away')) : Promise.resolve(),
  );
  const answer = producer.send([record('a')]);
  await until(() => sent.length === 1);
  await until(() => producer.recentFailure === 'broker away');
  expect(await answer).toEqual({ missing: [] });
  expect(sent).toHaveLength(3);
  expect(producer.recentFailure).toBeUndefined();
});

test('a final failure ends only the records of its batch', async () => {
  const { producer, sent } = producerWith();
  const answer = producer.send(records(6));
  sent[0]!.reject(new Error('not authorized'));
  sent[1]!.resolve();
  expect(await answer).toEqual({ missing: [0, 1, 2], reason: 'not authorized' });
  await until(() => producer.records === 0);
});

test('a call ends at the delivery timeout, and its unsent records are never sent', async () => {
  const { producer, sent } = producerWith({ deliveryTimeoutMs: 30, inFlight: 1 });
  const answer = await producer.send(records(6));
  expect(answer.missing).toEqual([0, 1, 2, 3, 4, 5]);
  expect(answer.reason).toContain('in time');
  expect(producer.records).toBe(6);
  sent[0]!.reject(new Retriable('late'));
  await until(() => producer.records === 0);
  expect(sent).toHaveLength(1);
});

test('drain sends lingering records and waits for the answer', async () => {
  const { producer, sent } = producerWith({ lingerMs: 1_000 });
  const answer = producer.send([record('a')]);
  const drained = producer.drain();
  expect(sent).toHaveLength(1);
  sent[0]!.resolve();
  await drained;
  expect(await answer).toEqual({ missing: [] });
  await producer.drain();
});

test('hurry ends all calls early, including later ones', async () => {
  const { producer } = producerWith({ deliveryTimeoutMs: 60_000 });
  const first = producer.send([record('a')]);
  producer.hurry(20);
  const second = producer.send([record('b')]);
  expect((await first).missing).toEqual([0]);
  expect((await second).missing).toEqual([0]);
});

test('every call is answered once under any failures, and only records that the broker stored are acknowledged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
      async (sizes, outcomes) => {
        const taken = new Set<string>();
        let turn = 0;
        const { producer, sent } = producerWith({ queueRecords: 1_000, lingerMs: 0 }, async () => {
          const good = outcomes[turn++ % outcomes.length]!;
          const { batch } = sent.at(-1)!;
          await Promise.resolve();
          if (!good) throw new Error('refused');
          for (const id of idsOf(batch)) taken.add(id);
        });
        const calls = sizes.map((size, i) => ({ size, list: records(size, `c${i}-`) }));
        const answers = await Promise.all(calls.map(({ list }) => producer.send(list)));
        answers.forEach(({ missing }, i) => {
          calls[i]!.list.forEach(({ key }, index) => {
            expect(taken.has(String(key))).toBe(!missing.includes(index));
          });
        });
        await producer.drain();
        expect(producer.records).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});
