import { withAdmin } from '../../../src/kafka/kafka';
import { createTopic } from '../../../src/kafka/topics';
import { LetterIndexer } from '../../../src/operations/letter-index/letter-indexer';
import { writeLetters } from '../support/sent-back';
import { until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

test('an index forgets letters that the topic has deleted, and begins anew with a topic that was made anew', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  const { deadLetterTopic } = stream;
  const kafka = world.kafka();
  let told = 0;
  const indexer = new LetterIndexer(kafka, stream, () => told++);
  try {
    await writeLetters(world, stream, ['a', 'b', 'c']);
    await indexer.catchUp();
    expect(indexer.index.counts.open).toBe(3);
    expect(told).toBe(3);
    await withAdmin(kafka, async (admin) => {
      // kafkajs deletes only in topics that it has asked about.
      await admin.fetchTopicOffsets(deadLetterTopic);
      const partitions = [{ partition: 0, offset: '2' }];
      await admin.deleteTopicRecords({ topic: deadLetterTopic, partitions });
    });
    await until('the letters are gone', async () => {
      await indexer.catchUp();
      return indexer.index.counts.open === 1;
    });
    expect(indexer.index.statusAt(0, 2)).toBe('open');

    await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [deadLetterTopic] }));
    await until('the topic is made anew', async () => {
      try {
        await withAdmin(kafka, (admin) => createTopic(admin, { topic: deadLetterTopic }));
        return true;
      } catch {
        return false;
      }
    });
    await writeLetters(world, stream, ['d', 'e']);
    await until('the new letters are known', async () => {
      await indexer.catchUp();
      return indexer.index.counts.open === 2;
    });
    expect(indexer.index.statusAt(0, 0)).toBe('open');
    expect(indexer.index.statusAt(0, 2)).toBeUndefined();
    expect(told).toBe(5);
  } finally {
    await indexer.close();
  }
});

test('nobody waits for a first read of many letters, and everybody for a first read of few', async () => {
  const kafka = world.kafka();
  for (const { batches, complete } of [
    { batches: 1, complete: true },
    { batches: 21, complete: false },
  ]) {
    const { stream } = await world.stream({ partitions: 1 });
    // 1,000 letters at a time fit into one request.
    for (let batch = 0; batch < batches; batch++) {
      const ids = Array.from({ length: 1000 }, (_, i) => `${batch}-${i}`);
      await writeLetters(world, stream, ids);
    }
    const indexer = new LetterIndexer(kafka, stream);
    try {
      const reading = indexer.catchUp();
      await indexer.firstWait;
      expect(indexer.isComplete).toBe(complete);
      await reading;
      expect(indexer.index.counts.open).toBe(1000 * batches);
    } finally {
      await indexer.close();
    }
  }
});
