import { emptyTotals, formatCommitMetadata } from '../../../../src/domain/commit-metadata';
import { withAdmin } from '../../../../src/kafka/kafka';
import { GroupSampler } from '../../../../src/page/history/group-sampler';
import { message, uniqueName, until, World } from '../../support/world';

jest.setTimeout(120_000);

const HOUR_S = 3_600;
const world = new World();
const sampler = new GroupSampler(world.kafka());
afterAll(async () => {
  await sampler.close();
  await world.close();
});

/** A message whose record is some hours old. */
const old = (id: string, hours: number) => ({
  ...{ ...message(id), partition: 0 },
  timestamp: String(Date.now() - hours * HOUR_S * 1_000),
});

const metadata = (totals: Partial<ReturnType<typeof emptyTotals>>) =>
  formatCommitMetadata({
    ...{ totals: { ...emptyTotals(), ...totals }, predecessors: [] },
    member: { memberId: 'of another process', recentIds: 0, at: Date.now() },
  });

test('a sample has the totals that any process has committed, the lag, and the age of the first record that waits', async () => {
  const { stream } = await world.stream({ partitions: 2 });
  await world.send(stream.topic, [old('a', 3), old('b', 2), old('c', 1)]);
  const before = await sampler.sample(stream);
  expect(before).toEqual([
    {
      ...{ partition: 0, delivered: 0, duplicates: 0, retries: 0, lag: 3 },
      lagSeconds: expect.closeTo(3 * HOUR_S, -3) as number,
    },
    { partition: 1, delivered: 0, duplicates: 0, retries: 0, lag: 0, lagSeconds: 0 },
  ]);
  const totals = { delivered: 40, recent: 1, workflowId: 2, sink: 3, retries: 5 };
  await world.commit(stream, { offset: '2', metadata: metadata(totals) });
  expect((await sampler.sample(stream))[0]).toEqual({
    ...{ partition: 0, delivered: 40, duplicates: 6, retries: 5, lag: 1 },
    lagSeconds: expect.closeTo(HOUR_S, -3) as number,
  });
});

test('the totals of a commit by another program are not known', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  await world.send(stream.topic, [message('a')]);
  await world.commit(stream, { offset: '1', metadata: '' });
  const unknown = { delivered: NaN, duplicates: NaN, retries: NaN };
  expect(await sampler.sample(stream)).toEqual([
    { partition: 0, ...unknown, lag: 0, lagSeconds: 0 },
  ]);
});

test('the age of a record in an open transaction is not known, and the marker of a transaction has none', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  const producer = world.kafka().producer({
    ...{ transactionalId: uniqueName('sampled'), idempotent: true, maxInFlightRequests: 1 },
  });
  await producer.connect();
  try {
    const first = await producer.transaction();
    await first.send({ topic: stream.topic, messages: [old('a', 1)], acks: -1 });
    expect(await sampler.sample(stream)).toMatchObject([{ lag: 1, lagSeconds: NaN }]);
    await first.commit();
    await until('the marker is there', async () => {
      const [one] = await sampler.sample(stream);
      return one!.lag === 2 && one!.lagSeconds > 0;
    });
    await world.commit(stream, { offset: '1', metadata: metadata({}) });
    expect(await sampler.sample(stream)).toMatchObject([{ lag: 1, lagSeconds: 0 }]);
  } finally {
    await producer.disconnect();
  }
});

test('a topic that does not exist has no partitions, and spoils no other sample', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  const { stream: gone } = await world.stream({ partitions: 1 });
  expect(await sampler.sample(gone)).toHaveLength(1);
  await withAdmin(world.kafka(), (admin) => admin.deleteTopics({ topics: [gone.topic] }));
  await until('it is gone', async () => (await sampler.sample(gone)).length === 0);
  expect(await sampler.sample(stream)).toHaveLength(1);
});
