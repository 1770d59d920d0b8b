import { setTimeout as sleep } from 'node:timers/promises';
import { withAdmin, type Kafka } from '../../src/kafka/kafka';
import { rawFetch } from '../kafka/corpus/make/raw-fetch';
import type { EventLog } from '../torture/event-log';
import { until } from '../torture/server';
import type { Evidence } from './judge';
import type { Load } from './load';
import { showCommitted } from './show';
import {
  LANES,
  PARTITIONS,
  streamOf,
  TOPIC_NAMES,
  TOPICS,
  topicOf,
  type TopicName,
} from './topics';

const DEADLINE_MS = 10 * 60_000;

export interface Remaking {
  kafka: Kafka;
  port: number;
  load: Load;
  log: EventLog;
  delivered: (stream: string) => Set<string>;
}

export async function createTopics(kafka: Kafka, names: readonly TopicName[] = TOPIC_NAMES) {
  await withAdmin(kafka, (admin) =>
    admin.createTopics({
      topics: names.map((name) => ({
        topic: topicOf(name),
        numPartitions: PARTITIONS,
        replicationFactor: 1,
        configEntries: Object.entries(TOPICS[name]).map(([key, value]) => ({ name: key, value })),
      })),
    }),
  );
}

/**
 * Deletes the topic and creates it again. Returns the records that the old topic showed last. It waits until all of
 * them are delivered, because unconsumed records are deleted with their topic. The clients write to the new topic at
 * once, so that it may grow beyond the offset that a group has committed of the old one.
 */
export async function remake(remaking: Remaking): Promise<Evidence['shown'] | undefined> {
  const { kafka, port, load, log, delivered } = remaking;
  const name = 'remade';
  const topic = topicOf(name);
  const streams = LANES.map((lane) => streamOf(name, lane));
  const reached = (ids: string[]) =>
    streams.every((stream) => {
      const there = delivered(stream);
      return ids.every((id) => there.has(id));
    });
  load.closed.add(name);
  try {
    await wait('nobody writes to the topic', () => !load.isBusy(name));
    await untilNoTransaction(port, name);
    // Nobody has written to the topic since it was created again.
    if (await isEmpty(port, name)) return undefined;
    const shown = await showWhole(port, topic);
    const ids = [...shown.keys()];
    await wait('all of the topic is delivered', () => reached(ids));
    log.write('remake', { topic, records: shown.size });
    await wait('the topic is deleted', async () => {
      const exists = await withAdmin(kafka, async (admin) => {
        const there = (await admin.listTopics()).includes(topic);
        if (there) await admin.deleteTopics({ topics: [topic] });
        return there;
      });
      return !exists;
    });
    await sleep(3_000);
    await wait('the topic is made anew', async () => {
      await createTopics(kafka, [name]);
      return true;
    });
    log.write('remade', { topic });
    return shown;
  } finally {
    load.closed.delete(name);
  }
}

/** Waits until no open transaction holds records of the topic back. */
export async function untilNoTransaction(port: number, name: TopicName): Promise<void> {
  await wait(`no transaction is open on ${topicOf(name)}`, async () => {
    const ends = await endsOf(port, name);
    return ends.every(({ highWatermark, lastStableOffset }) => highWatermark === lastStableOffset);
  });
}

async function isEmpty(port: number, name: TopicName): Promise<boolean> {
  let empty = false;
  await wait(`the ends of ${topicOf(name)} are known`, async () => {
    const ends = await endsOf(port, name);
    empty = ends.every(({ highWatermark }) => highWatermark === 0n);
    return true;
  });
  return empty;
}

function endsOf(port: number, name: TopicName) {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const at = { port, topic: topicOf(name), offset: 0n, maxBytes: 1 };
  return Promise.all(
    partitions.map((partition) => rawFetch({ ...at, partition, isolation: 'read_uncommitted' })),
  );
}

/** Reads the topic until two reads are equal, because Kafka may be killed while its consumer reads. */
async function showWhole(port: number, topic: string): Promise<Evidence['shown']> {
  for (;;) {
    const once = await showCommitted(`127.0.0.1:${port}`, topic);
    const again = await showCommitted(`127.0.0.1:${port}`, topic);
    if (once.size === again.size && once.size > 0) return once;
  }
}

/** Waits for the condition. Errors count as false, because Kafka may be away at any moment. */
function wait(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const tried = async () => {
    try {
      return await condition();
    } catch {
      return false;
    }
  };
  return until(what, tried, DEADLINE_MS);
}
