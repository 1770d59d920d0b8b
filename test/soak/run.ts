import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Releasers } from '../../src/lib/lifecycle';
import { buildClients } from '../kafka/corpus/make/clients';
import { cloudsync } from '../torture/command';
import { EventLog } from '../torture/event-log';
import { runSchedule } from '../torture/inject';
import { readJournal } from '../torture/journal';
import { DEFAULTS } from '../torture/options';
import { inheritedEnvironment, startProcesses } from '../torture/processes';
import { Random } from '../torture/random';
import { generateSchedule, type FaultEvent } from '../torture/schedule';
import { until } from '../torture/server';
import { startServers } from '../torture/servers';
import { settle } from '../torture/settle';
import { journalFile } from '../torture/streams';
import { judge, type Evidence } from './judge';
import { Load } from './load';
import { createTopics, remake, untilNoTransaction } from './remake';
import { showCommitted } from './show';
import { LANES, PARTITIONS, streamOf, TOPIC_NAMES, topicOf } from './topics';

const BRIDGES = ['bridge-1', 'bridge-2'] as const;
const SETTLE_MS = 15 * 60_000;

export interface SoakOptions {
  minutes: number;
  seed: number;
  /** The pause of each of the five writers between two batches or transactions, in milliseconds. */
  pauseMs: [number, number];
  /** The time between two recreations of the topic, in seconds. */
  remakeSeconds: [number, number];
}

/** The result for each stream. `findings` is empty if the sink has the records that Kafka's console consumer shows. */
export interface SoakReport {
  streams: { name: string; shown: number; delivered: number; findings: string[] }[];
  fates: Record<string, Record<string, number>>;
  topicsMadeAnew: number;
  faults: number;
  unsettled: string[];
}

export async function soak(
  options: SoakOptions,
  out: string,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<SoakReport> {
  const directory = resolve(out);
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const { minutes, seed } = options;
  const schedule = generateSchedule({ minutes, seed, sink: 'file' }).filter(isUsual);
  const torture = { ...DEFAULTS, seed, minutes };
  const log = new EventLog(join(directory, 'events.ndjson'), { options: torture, schedule });
  const releasers = new Releasers();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the run was ended')));
  });
  try {
    const run = { options, directory, schedule, log, releasers, progress };
    return await Promise.race([soakIn(run), aborted]);
  } finally {
    await releasers.release();
    await log.close();
  }
}

/** Whether a soak can inject the fault: kills, stops and freezes of its two bridge workers and both servers. */
function isUsual({ fault }: FaultEvent): boolean {
  if (fault.kind !== 'kill' && fault.kind !== 'stop' && fault.kind !== 'freeze') return false;
  return ['kafka', 'temporal', ...BRIDGES].includes(fault.target);
}

interface Run {
  options: SoakOptions;
  directory: string;
  schedule: FaultEvent[];
  log: EventLog;
  releasers: Releasers;
  progress: (text: string) => void;
}

async function soakIn(run: Run): Promise<SoakReport> {
  const { options, directory, schedule, log, releasers, progress } = run;
  const clients = await buildClients(join(directory, 'clients'), progress);
  const names = TOPIC_NAMES.flatMap((topic) => LANES.map((lane) => streamOf(topic, lane)));
  progress('starting the servers');
  const servers = await startServers({ sink: 'file' }, directory, names, releasers, (text) =>
    log.write('server', { text }),
  );
  const environment = {
    ...inheritedEnvironment(),
    ...servers.sinkEnvironment.direct,
    CLOUDSYNC_STREAMS: join(__dirname, 'streams.ts'),
    CLOUDSYNC_METRICS_PORT: '0',
  };
  const { kafka, broker, temporal } = servers.direct;
  const operator = { ...environment, KAFKA_BROKERS: broker, TEMPORAL_ADDRESS: temporal };
  await createTopics(kafka);
  await cloudsync(['topics', 'create', '--partitions', String(PARTITIONS)], operator);
  const processes = startProcesses(BRIDGES, { servers, environment, directory, log, releasers });
  progress('starting the bridge workers');
  await until('the bridge workers are ready', async () =>
    (await Promise.all(Object.values(processes).map((one) => one.fault()))).every((f) => !f),
  );

  const load = new Load(clients, broker, options.seed, options.pauseMs, log);
  const port = Number(broker.split(':')[1]);
  const sink = (stream: string) => join(directory, 'sink', stream);
  const delivered = (stream: string) =>
    new Set(readdirSync(sink(stream)).map((file) => file.replace(/\.json$/, '')));
  const before: Evidence['shown'][] = [];
  let ended = false;
  const remaking = async () => {
    const random = new Random(options.seed ^ 0xa4e3);
    for (;;) {
      const next = Date.now() + 1_000 * random.integer(...options.remakeSeconds);
      while (Date.now() < next && !ended) await sleep(500);
      if (ended) return;
      const shown = await remake({ kafka, port, load, log, delivered });
      if (shown) before.push(shown);
      progress(`the topic was made anew ${before.length} times`);
    }
  };
  const milliseconds = options.minutes * 60_000;
  progress(`${options.minutes} minutes of load and ${schedule.length} faults`);
  const remade = remaking();
  await Promise.all([
    load.run(milliseconds),
    runSchedule(schedule, { servers, processes, deadLetterTopics: [] }, log),
  ]);
  ended = true;
  await remade;
  for (const topic of TOPIC_NAMES) await untilNoTransaction(port, topic);
  const { unsettled } = await settle(processes, operator, SETTLE_MS, progress);

  const report: SoakReport = {
    streams: [],
    fates: {},
    topicsMadeAnew: before.length,
    faults: schedule.length,
    unsettled,
  };
  for (const topic of TOPIC_NAMES) {
    progress(`reading ${topicOf(topic)}`);
    const last = await showCommitted(broker, topicOf(topic));
    const all = topic === 'remade' ? [...before, last] : [last];
    const shown = new Map(all.flatMap((one) => [...one]));
    const fates = load.fates[topic];
    report.fates[topic] = {};
    for (const fate of fates.values()) {
      report.fates[topic][fate] = (report.fates[topic][fate] ?? 0) + 1;
    }
    for (const lane of LANES) {
      const name = streamOf(topic, lane);
      const contents = new Map<string, string>();
      for (const file of readdirSync(sink(name)).filter((one) => one.endsWith('.json'))) {
        contents.set(file.replace(/\.json$/, ''), readFileSync(join(sink(name), file), 'utf8'));
      }
      const journal = await readJournal(journalFile(directory, name));
      const findings = judge({
        ...{ shown, delivered: contents, journal, fates },
        compacted: topic === 'compacted',
      });
      report.streams.push({ name, shown: shown.size, delivered: contents.size, findings });
    }
  }
  writeFileSync(join(directory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  return report;
}
