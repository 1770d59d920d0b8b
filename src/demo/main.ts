import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { writeLocalEnvironment } from '../cli/dev/dev-up';
import { exitWith } from '../cli/options/exit';
import { printJson, say } from '../cli/output/output';
import { processEnvironment } from '../settings/config';
import { Releasers } from '../lib/lifecycle';
import { httpSender } from '../reference/scenarios/http-sender';
import { settle, type Observer, type Totals } from '../reference/scenarios/observe';
import { resultTable } from '../reference/scenarios/report';
import { runScenarios } from '../reference/scenarios/run';
import { messageValue, type SendMessage } from '../reference/scenarios/send';
import {
  idempotencyScenarios,
  killScenario,
  type Scenario,
} from '../reference/scenarios/scenarios';
import { failsForGood, parseFaults } from '../sinks/faults';
import { cliObserver, cloudsync, type ReplayResult } from './cloudsync';
import { demoEnvironment } from './environment';
import { startServiceProcess, type ServiceProcess } from './service-process';

const STREAMS = ['aws', 'azure'];

/** 2 and 3 % of the attempts time out, and the sinks never accept 1 % of the messages. */
const FAULTS = 'aws:timeout=0.02,aws:permanent=0.01,azure:timeout=0.03,azure:permanent=0.01,seed=3';

/** The processes log their addresses. There are no tokens: whoever reaches 127.0.0.1 may send and look. */
const ANY_FREE_PORT = {
  CLOUDSYNC_METRICS_PORT: '0',
  CLOUDSYNC_API_METRICS_PORT: '0',
  CLOUDSYNC_API_HOST: '127.0.0.1',
  CLOUDSYNC_API_PORT: '0',
  CLOUDSYNC_API_TOKENS: '',
  CLOUDSYNC_PAGE_HOST: '127.0.0.1',
  CLOUDSYNC_PAGE_PORT: '0',
  CLOUDSYNC_PAGE_TOKENS: '',
};

interface Flags {
  json: boolean;
  keep: boolean;
  lane: 'record' | 'chunk';
  sink: 'file' | 'cloud';
}

async function demo(flags: Flags): Promise<boolean> {
  const releasers = new Releasers();
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => reject(new Error(`ended by ${signal}`)));
    }
  });
  try {
    return await Promise.race([runDemo(flags, releasers), interrupted]);
  } finally {
    await releasers.release();
  }
}

async function runDemo({ json, keep, lane, sink }: Flags, releasers: Releasers): Promise<boolean> {
  const startedAt = new Date();
  const run = startedAt.toISOString().replace(/\D/g, '').slice(0, 14);
  const directory = join('.cloudsync', 'demo', run);
  // A demo that is interrupted leaves nothing, also with --keep: nobody has been told what to end.
  let isKept = false;
  const { ui, temporalStays, namespace, local } = await demoEnvironment({
    ...{ run, directory, lane, sink },
    onStart: (stop) => releasers.push(async () => void (isKept || (await stop()))),
  });
  const env = {
    ...{ ...processEnvironment(), ...local, ...ANY_FREE_PORT },
    ...(ui !== undefined && { CLOUDSYNC_PAGE_TEMPORAL_UI: ui }),
  };
  await cloudsync(['topics', 'create'], env);

  const services = new Map<string, ServiceProcess>();
  const start = async (name: string, args: string[], faults = '') => {
    const log = join(directory, `${name}.log`);
    const process = await startServiceProcess(args, { ...env, CLOUDSYNC_FAULTS: faults }, log);
    services.set(name, process);
    return process;
  };
  const startBridge = (stream: string, faults: string) =>
    start(stream, ['bridge', 'start', '--stream', stream], faults);
  const stopBridges = () => Promise.all(STREAMS.map((stream) => services.get(stream)!.stop()));
  const stopAll = () => Promise.all([...services.values()].map((service) => service.stop()));
  releasers.push(async () => void (isKept || (await stopAll())));
  say(`starting the HTTP producer, and a bridge worker for each of ${STREAMS.join(', ')}`);
  say(`lane: ${lane}; sink: ${sink}; faults: ${FAULTS}`);
  const [api, page] = await Promise.all([
    start('api', ['api', 'start']),
    keep ? start('page', ['page', 'start']) : undefined,
    Promise.all(STREAMS.map((stream) => startBridge(stream, FAULTS))),
  ]);

  if (page) say(`operator page: ${page.url}`);

  const observer = cliObserver(env);
  const results = await runScenarios({
    scenarios: [...idempotencyScenarios(''), killScenario()],
    send: httpSender(api.url!),
    observer,
    willFail,
    onScenario: ({ title }) => say(`${title} …`),
    during: (scenario, before) => {
      if (!scenario.kill) return Promise.resolve();
      const restart = () => startBridge('aws', FAULTS);
      return killHalfWay(scenario, services.get('aws')!, restart, observer, before);
    },
  });

  say('replaying the dead-lettered messages with faults off …');
  await stopBridges();
  await Promise.all(STREAMS.map((stream) => startBridge(stream, '')));
  const replays: Record<string, ReplayResult> = {};
  for (const stream of STREAMS) {
    const args = ['failed', 'replay', '--stream', stream, '--since', startedAt.toISOString()];
    replays[stream] = await cloudsync<ReplayResult>([...args, '--yes'], env);
  }
  await settle(observer);
  const reconciliations = await Promise.all(STREAMS.map((stream) => observer.reconcile(stream)));
  const settled = reconciliations.every(
    ({ messages, delivered, missing, double }) =>
      messages === delivered && missing === 0 && double === 0,
  );
  const ok = settled && results.every((result) => result.ok);
  const failedQuery = encodeURIComponent('ExecutionStatus="Failed"');
  const link =
    ui && (keep || temporalStays)
      ? `${ui}/namespaces/${namespace}/workflows?query=${failedQuery}`
      : undefined;
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 1000);
  const links = { failedWorkflows: link, page: page?.url };
  if (json) printJson({ ok, seconds, results, replays, reconciliations, ...links });
  else {
    process.stdout.write(`\n${resultTable(results)}\n\n`);
    for (const { stream, messages, delivered, deadLettered, missing, double } of reconciliations) {
      const { replayed = 0 } = replays[stream] ?? {};
      process.stdout.write(
        `${stream}: ${replayed} workflows replayed; then of ${messages} messages ${delivered} delivered, ` +
          `${deadLettered} dead-lettered, ${missing} missing, ${double} double\n`,
      );
    }
    if (link) process.stdout.write(`Failed workflows in the Temporal UI: ${link}\n`);
    if (page) process.stdout.write(`Operator page: ${page.url}\n`);
    else
      say(
        'To look at the runs in the Temporal UI and on the operator page: npm run demo -- --keep',
      );
    process.stdout.write(`${ok ? 'All as expected' : 'NOT AS EXPECTED'}, in ${seconds} s\n`);
  }
  if (keep) {
    const aws = {
      start: (faults: string) => startBridge('aws', faults),
      stop: () => services.get('aws')!.stop(),
    };
    await leaveDeadLetters(httpSender(api.url!), observer, aws);
    say(
      '3 messages are dead in stream aws. Its sink was closed, and is open again: replay them on the page',
    );
    isKept = true;
    await writeLocalEnvironment(local);
    for (const service of services.values()) service.detach();
    const pids = [...services.values()].map(({ pid }) => pid).join(' ');
    say(`\nEverything runs on. The HTTP producer: ${api.url}/docs`);
    say(`Try: npx cloudsync status | failed list | dlq list | reconcile`);
    say(`To end it: kill ${pids}; npx cloudsync dev down`);
  }
  return ok;
}

/** Sends messages while the sink of aws takes none, so that whoever looks at the page has something to mend. */
async function leaveDeadLetters(
  send: SendMessage,
  observer: Observer,
  bridge: { start: (faults: string) => Promise<unknown>; stop: () => Promise<unknown> },
): Promise<void> {
  const deadLetters = async () => {
    const statuses = await observer.statuses();
    return statuses.find(({ name }) => name === 'aws')!.deadLetters;
  };
  await bridge.stop();
  await bridge.start('aws:permanent=1');
  const before = await deadLetters();
  const now = new Date();
  for (let n = 1; n <= 3; n++) {
    const id = `to-mend-${now.getTime()}-${n}`;
    await send(id, messageValue(id, now));
  }
  while ((await deadLetters()) < before + 3) await sleep(500);
  await bridge.stop();
  await bridge.start('');
}

const { rates, seed } = parseFaults(FAULTS);

function willFail(stream: string, id: string): boolean {
  return failsForGood(rates[stream] ?? {}, seed, id);
}

/** Kills the bridge worker when about half of the scenario is delivered, and starts it again. */
async function killHalfWay(
  { sends }: Scenario,
  bridge: ServiceProcess,
  restart: () => Promise<unknown>,
  observer: Observer,
  before: Map<string, Totals>,
): Promise<void> {
  const half = (before.get('aws')?.delivered ?? 0) + sends.length / 2;
  for (;;) {
    const { delivered } = await observer.reconcile('aws');
    if (delivered >= half) break;
    await sleep(200);
  }
  say(`SIGKILL to the bridge worker of aws (pid ${bridge.pid}), and starting it again …`);
  await bridge.kill();
  await restart();
}

const program = new Command('demo')
  .description(
    'the whole of CloudSync on this machine: servers, HTTP producer, bridge workers, seven scenarios',
  )
  .option('--json', 'print one JSON document', false)
  .addOption(new Option('--lane <lane>').choices(['record', 'chunk']).default('record'))
  .addOption(
    new Option('--sink <sink>', 'files, or local servers in place of S3 and Azure Blob')
      .choices(['file', 'cloud'])
      .default('file'),
  )
  .option('--keep', 'start the operator page too, and leave everything running', false)
  .exitOverride();
program
  .parseAsync()
  .then(() => demo(program.opts<Flags>()))
  .then((ok) => {
    if (!ok) process.exitCode = 1;
  })
  .catch(exitWith)
  // After a signal the scenarios would continue, without the processes that they need.
  .finally(() => process.exit());
