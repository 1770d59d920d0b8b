import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';

/** The common part of the peers: the records of `npm run bench`, one file for each record, and the clock. */
export const brokers = (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',');
export const COUNT = Number(process.argv[2] ?? 20_000);
export const topic = `peer-${Date.now().toString(36)}`;
const BYTES = 200;

export const directory = await mkdtemp(join(tmpdir(), 'cloudsync-peer-'));
const written = new Set();
let startedAt;
let deliveredAtStart = 0;

/** Fills a topic of four partitions. */
export async function fillTopic() {
  const kafka = new Kafka({ clientId: 'peers', brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 4, replicationFactor: 1 }] });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  for (let from = 0; from < COUNT; from += 1_000) {
    const messages = Array.from({ length: Math.min(1_000, COUNT - from) }, (_, i) => {
      const id = `m${from + i}`;
      const message = {
        id,
        type: 'bench',
        occurredAt: new Date().toISOString(),
        payload: { text: '' },
      };
      message.payload.text = 'x'.repeat(Math.max(BYTES - JSON.stringify(message).length, 0));
      return { key: id, value: JSON.stringify(message) };
    });
    await producer.send({ topic, acks: -1, messages });
  }
  await producer.disconnect();
}

/** The only step of each workflow. */
export async function deliver(id, value) {
  try {
    await writeFile(join(directory, id), value, { flag: 'wx' });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  written.add(id);
  if (startedAt === undefined && written.size >= COUNT / 10) {
    startedAt = performance.now();
    deliveredAtStart = written.size;
  }
}

/** Waits for the last message. Prints the rate between a tenth and all of the messages. */
export async function finish(name) {
  while (written.size < COUNT) await new Promise((resolve) => setTimeout(resolve, 20));
  const seconds = (performance.now() - startedAt) / 1000;
  const recordsPerSecond = Math.round((COUNT - deliveredAtStart) / seconds);
  console.log(JSON.stringify({ name, records: COUNT, recordsPerSecond, node: process.version }));
  await rm(directory, { recursive: true });
}
