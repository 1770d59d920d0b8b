// eslint-disable-next-line @typescript-eslint/no-restricted-imports -- kafkajs as it is published
import { Kafka, logLevel, Partitioners } from 'kafkajs';

/**
 * kafkajs alone, in a process of its own: without the patches of CloudSync. Sends messages as its arguments
 * say, four requests of 1,000 messages at a time. Prints rate and CPU for the acknowledged messages.
 */
const [brokers, topic, prefix, count, bytes] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const RECORDS = Number(count);
const BATCH = 1_000;
const IN_FLIGHT = 4;

function messageOf(id: string): string {
  const occurredAt = new Date().toISOString();
  const message = { id, type: 'bench', occurredAt, payload: { text: '' } };
  message.payload.text = 'x'.repeat(Math.max(Number(bytes) - JSON.stringify(message).length, 0));
  return JSON.stringify(message);
}

async function main(): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = Array.from({ length: RECORDS }, (_, i) => {
    const id = `${prefix}${i}`;
    return { key: id, value: Buffer.from(messageOf(id)) };
  });
  const warmUp = messages.slice(0, 10 * BATCH);
  const run = async (list: typeof messages) => {
    let next = 0;
    const sender = async () => {
      while (next < list.length) {
        const from = next;
        next += BATCH;
        await producer.send({ topic, acks: -1, messages: list.slice(from, from + BATCH) });
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, sender));
  };
  await run(warmUp);
  const started = performance.now();
  const cpu = process.cpuUsage();
  await run(messages);
  const messagesPerSecond = RECORDS / ((performance.now() - started) / 1000);
  const { user, system } = process.cpuUsage(cpu);
  await producer.disconnect();
  const cpuMicrosPerMessage = (user + system) / RECORDS;
  process.stdout.write(`${JSON.stringify({ messagesPerSecond, cpuMicrosPerMessage })}\n`);
}

void main();
