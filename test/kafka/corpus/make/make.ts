import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKafka, withAdmin } from '../../../../src/kafka/kafka';
import { freePort, startKafka, userCacheDirectory } from '../../../../src/dev-servers';
import { createLogger } from '../../../../src/telemetry/logger';
import { brokerCases, type BrokerCase } from './broker-cases';
import { builtCases } from './built-cases';
import { capture, captureBuilt, type NamedCase } from './capture';
import { untilCompacted } from './cleaner';
import { buildClients, type Clients } from './clients';
import type { LineProcess } from './line-process';
import type { WriterStep } from './script';
import { writeCases } from './write-cases';

const ROUND_MS = 2_500;
const LIMITS = { 'max.message.bytes': '16000000', 'retention.ms': '-1' };

/** Rewrites the corpus. See the README in the folder above. */
async function make(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'cloudsync-corpus-'));
  const progress = (text: string) => process.stderr.write(`${text}\n`);
  const ending: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
  try {
    const clients = await buildClients(join(directory, 'clients'), progress);
    const port = await freePort();
    const cacheDirectory = userCacheDirectory(process.env);
    const kafka = await startKafka({ directory, cacheDirectory, port, heap: '1g', progress });
    ending.push(() => kafka.kill());
    const [only] = process.argv.slice(2);
    const cases = brokerCases().filter(({ script }) => script.topic.includes(only ?? ''));
    await write(cases, { clients, port, directory, ending, progress });
    const oracle = clients.oracle();
    ending.push(() => oracle.kill());
    const made: NamedCase[] = [];
    for (const { script, deleteBefore: offset } of cases) {
      if (offset === undefined) continue;
      const topic = script.topic;
      await oracle.ask({ do: 'deleteRecords', brokers: `127.0.0.1:${port}`, topic, offset });
    }
    for (const one of cases) {
      progress(`capturing ${one.script.topic}`);
      made.push(...(await capture(one, port, oracle)));
    }
    for (const one of builtCases()) made.push(await captureBuilt(one, oracle));
    writeCases(made, only === undefined);
    progress(`${made.length} cases`);
  } finally {
    for (const end of ending.reverse()) await end();
  }
}

interface Tools {
  clients: Clients;
  port: number;
  directory: string;
  ending: (() => unknown)[];
  progress: (text: string) => void;
}

async function write(cases: BrokerCase[], tools: Tools): Promise<void> {
  const { clients, port, directory, ending, progress } = tools;
  const brokers = `127.0.0.1:${port}`;
  const kafka = createKafka(
    { brokers: [brokers], clientId: 'corpus', ssl: false },
    createLogger('silent'),
  );
  await withAdmin(kafka, (admin) =>
    admin.createTopics({
      topics: cases.map(({ script, config = {} }) => ({
        topic: script.topic,
        numPartitions: 1,
        replicationFactor: 1,
        // Otherwise Kafka would delete records with old timestamps.
        configEntries: Object.entries({ ...LIMITS, ...config }).map(([name, value]) => ({
          name,
          value,
        })),
      })),
    }),
  );
  const writers = new Map<string, LineProcess>();
  ending.push(() => [...writers.values()].forEach((writer) => writer.kill()));
  const take = async ({ writer, ...step }: WriterStep) => {
    if (!writers.has(writer)) writers.set(writer, clients.writer(writer, brokers));
    await writers.get(writer)!.ask(step);
  };
  const most = Math.max(...cases.map(({ script }) => script.rounds.length));
  for (let round = 0; round < most; round++) {
    if (round > 0) await sleep(ROUND_MS);
    for (const { script } of cases) {
      if (script.rounds[round]) progress(`writing ${script.topic}`);
      for (const step of script.rounds[round] ?? []) await take(step);
      if (round !== script.rounds.length - 1) continue;
      const opened = script.rounds.flat().filter((step) => step.do === 'open');
      for (const { writer, producer } of opened) await take({ writer, producer, do: 'close' });
    }
  }
  const compacted = cases.filter(({ config }) => config?.['cleanup.policy']?.includes('compact'));
  progress('waiting for the log cleaner');
  await untilCompacted(directory, compacted);
  const twice = compacted.filter(({ cleanedTwice }) => cleanedTwice);
  for (const { script } of twice) {
    // The last round writes the record that makes Kafka begin a new segment.
    for (const step of script.rounds.at(-1)!) await take(step);
    await sleep(ROUND_MS);
    for (const step of script.rounds.at(-1)!) await take(step);
  }
  await untilCompacted(directory, twice);
}

make()
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
    process.exitCode = 1;
  })
  .finally(() => process.exit());
