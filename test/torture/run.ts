import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKafka } from '../../src/kafka/kafka';
import { createProducer } from '../../src/kafka/producer/producer';
import { Releasers } from '../../src/lib/lifecycle';
import { createLogger } from '../../src/telemetry/logger';
import { cloudsync } from './command';
import { EventLog } from './event-log';
import { runSchedule, type Processes } from './inject';
import { judgeRun } from './judge-run';
import { Ledger } from './ledger';
import { MessageSource } from './messages';
import { PROCESSES, type TortureOptions } from './options';
import { inheritedEnvironment, startProcesses } from './processes';
import { Load } from './producers';
import { Random } from './random';
import { buildReport, type Report } from './report';
import { ResourceSampler } from './resources';
import type { FaultEvent } from './schedule';
import { until } from './server';
import { startServers, type Servers } from './servers';
import { settle } from './settle';
import { streamEnvironment, streamName } from './streams';

const TOPIC = 'torture.messages';
const PARTITIONS = 6;
const PROGRESS_EVERY_MS = 10_000;

export interface RunOptions {
  options: TortureOptions;
  schedule: FaultEvent[];
  /** The folder of the run's logs, data and results. */
  directory: string;
  progress: (text: string) => void;
  /** Ends the run early. All servers and processes are stopped. */
  signal?: AbortSignal;
}

/** Makes one whole run: servers, processes, load and faults, then settling and the verdict. */
export async function torture(run: RunOptions): Promise<Report> {
  const directory = resolve(run.directory);
  await mkdir(join(directory, 'logs'), { recursive: true });
  if ((await readdir(directory)).length > 1) {
    throw new Error(`${directory} holds another run: --out names a new folder`);
  }
  const log = new EventLog(join(directory, 'events.ndjson'), run);
  const releasers = new Releasers();
  const aborted = new Promise<never>((_, reject) => {
    run.signal?.addEventListener('abort', () => reject(new Error('the run was ended')));
  });
  aborted.catch(() => undefined);
  try {
    return await Promise.race([runIn(directory, { ...run, log, releasers }), aborted]);
  } finally {
    await releasers.release();
    await log.close();
  }
}

async function runIn(
  directory: string,
  run: RunOptions & { log: EventLog; releasers: Releasers },
): Promise<Report> {
  const { options, schedule, progress, log, releasers } = run;
  const lanes = options.lane === 'both' ? (['record', 'chunk'] as const) : [options.lane];
  const names = lanes.map(streamName);
  progress('starting the servers');
  const servers = await startServers(options, directory, names, releasers, (text) =>
    log.write('server', { text }),
  );
  const environment = baseEnvironment({ ...options, lanes: [...lanes] });
  const operator = {
    ...environment,
    ...servers.sinkEnvironment.direct,
    KAFKA_BROKERS: servers.direct.broker,
    TEMPORAL_ADDRESS: servers.direct.temporal,
  };
  await cloudsync(['topics', 'create', '--partitions', String(PARTITIONS)], operator);
  const processes = startProcesses(PROCESSES, { servers, environment, directory, log, releasers });
  const ready = async () =>
    (await Promise.all(Object.values(processes).map((one) => one.fault()))).every((f) => !f);
  progress('starting the processes');
  await until('all processes are ready', ready);
  const resources = new ResourceSampler(processes);
  releasers.push(() => resources.stop());

  const ledger = new Ledger(join(directory, 'ledger.ndjson'));
  const load = await createLoad(run, servers, ledger, processes);
  const ticker = setInterval(() => {
    const { sendings } = ledger;
    progress(`${sendings.length} messages sent, ${load.unanswered} not answered`);
  }, PROGRESS_EVERY_MS);
  releasers.push(() => clearInterval(ticker));
  const started = Date.now();
  const victims = { servers, processes, deadLetterTopics: names.map((name) => `${name}-sync-dlq`) };
  await Promise.all([load.run(options.minutes * 60_000), runSchedule(schedule, victims, log)]);
  clearInterval(ticker);
  await ledger.close();
  const loadSeconds = Math.round((Date.now() - started) / 1_000);
  log.write('load ended', { messages: ledger.sendings.length });

  const settled = await settle(processes, operator, options.settleMinutes * 60_000, progress);
  log.write('settled', settled);
  progress(`${options.quietSeconds} quiet seconds`);
  await sleep(options.quietSeconds * 1_000);
  const judged = await judgeRun({
    options,
    lanes: [...lanes],
    servers,
    ledger,
    operator,
    directory,
    progress,
  });
  const report = buildReport({
    ...{ options, directory, judged, settled, loadSeconds },
    events: log.events,
    messages: ledger.totals(),
    resources: resources.summary(),
    ownExits: Object.fromEntries(PROCESSES.map((name) => [name, processes[name].ownExits])),
  });
  await writeFile(join(directory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

function baseEnvironment(own: Parameters<typeof streamEnvironment>[0]): NodeJS.ProcessEnv {
  const { lanes, sink, ordering, appendOnly } = own;
  return {
    ...inheritedEnvironment(),
    ...streamEnvironment({ lanes, sink, ordering, appendOnly }),
    CLOUDSYNC_STREAMS: join(__dirname, 'streams.ts'),
    CLOUDSYNC_TOPIC: TOPIC,
    CLOUDSYNC_METRICS_PORT: '0',
    CLOUDSYNC_API_METRICS_PORT: '0',
    CLOUDSYNC_API_PORT: '0',
  };
}

async function createLoad(
  { options, log, releasers }: RunOptions & { log: EventLog; releasers: Releasers },
  servers: Servers,
  ledger: Ledger,
  processes: Processes,
): Promise<Load> {
  const broker = servers.toKafka.producer.address;
  const settings = { brokers: [broker], clientId: 'torture-producer', ssl: false };
  const kafka = createProducer(createKafka(settings, createLogger('silent')));
  await kafka.connect();
  releasers.push(() => kafka.disconnect());
  return new Load({
    // Another seed than the schedule's, so that their random numbers are independent.
    source: new MessageSource(new Random(options.seed ^ 0x5eed), PARTITIONS),
    ledger,
    topic: TOPIC,
    rate: options.rate,
    kafka,
    apiUrl: () => processes.api?.url,
    onProblem: (text) => log.write('producer', { text }),
  });
}
