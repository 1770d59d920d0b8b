import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { addressesAsEnvironment, localServers, writeLocalEnvironment } from '../cli/dev-up';
import { exitWith } from '../cli/exit';
import { printJson, say } from '../cli/output';
import { createKafka, createProducer } from '../clients/kafka';
import { loadSettings, processEnvironment } from '../config';
import { down, ensureNamespace, status } from '../dev';
import { Releasers } from '../lifecycle';
import { createLogger } from '../logger';
import { failsForGood, parseFaults } from '../sinks/faults';
import { startBridgeProcess, type BridgeProcess } from './bridge-process';
import { cliObserver, cloudsync, type ReplayResult } from './cloudsync';
import { settle, type Observer, type Totals } from '../scenarios/observe';
import { resultTable } from '../scenarios/report';
import { runScenarios } from '../scenarios/run';
import { idempotencyScenarios, killScenario, type Scenario } from '../scenarios/scenarios';

const STREAMS = ['aws', 'azure'];

/** Timeouts at 2 and 3 %, and a few messages that a sink never takes. */
const FAULTS = 'aws:timeout=0.02,aws:permanent=0.01,azure:timeout=0.03,azure:permanent=0.01,seed=3';

interface Flags {
  json?: boolean;
  keep?: boolean;
  lane?: 'record' | 'chunk';
}

async function demo({ json = false, keep = false, lane = 'record' }: Flags): Promise<boolean> {
  const releasers = new Releasers();
  try {
    return await runDemo({ json, keep, lane }, releasers);
  } finally {
    await releasers.release();
  }
}

async function runDemo(
  { json, keep, lane }: Required<Flags>,
  releasers: Releasers,
): Promise<boolean> {
  const startedAt = new Date();
  const run = startedAt.toISOString().replace(/\D/g, '').slice(0, 14);
  const directory = join('.cloudsync', 'demo', run);
  await mkdir(directory, { recursive: true });

  // A namespace, topic and sink of its own: what an earlier run left can't be mistaken for this one's.
  const { directory: devDirectory } = loadSettings(processEnvironment()).dev;
  const ranBefore = (await status({ directory: devDirectory })).every(({ running }) => running);
  const addresses = await localServers();
  if (!keep && !ranBefore) {
    releasers.push(async () => void (await down({ directory: devDirectory, progress: say })));
  }
  const namespace = `demo-${run}`;
  const { ui } = addresses.temporal;
  const local = {
    ...addressesAsEnvironment(addresses),
    TEMPORAL_NAMESPACE: namespace,
    CLOUDSYNC_TOPIC: `cloudsync.demo-${run}`,
    CLOUDSYNC_SINK_DIR: join(directory, 'sink'),
    CLOUDSYNC_LANE: lane,
  };
  const env = { ...processEnvironment(), ...local, CLOUDSYNC_METRICS_PORT: '0' };
  const settings = loadSettings(env);
  const { topic } = settings;
  await ensureNamespace(addresses.temporal.address, namespace);
  await cloudsync(['topics', 'create'], env);
  const producer = createProducer(createKafka(settings.kafka, createLogger('error')));
  await producer.connect();
  releasers.push(() => producer.disconnect());

  const bridges = new Map<string, BridgeProcess>();
  const startBridge = async (stream: string, faults: string) => {
    const log = join(directory, `bridge-${stream}.log`);
    bridges.set(
      stream,
      await startBridgeProcess(stream, { ...env, CLOUDSYNC_FAULTS: faults }, log),
    );
  };
  const stopBridges = () => Promise.all([...bridges.values()].map((bridge) => bridge.stop()));
  if (!keep) releasers.push(async () => void (await stopBridges()));
  say(`starting a bridge worker for each of ${STREAMS.join(', ')} in the ${lane} lane`);
  say(`faults: ${FAULTS}`);
  await Promise.all(STREAMS.map((stream) => startBridge(stream, FAULTS)));

  const observer = cliObserver(env);
  const results = await runScenarios({
    scenarios: [...idempotencyScenarios(''), killScenario()],
    send: (key, value) => producer.send({ topic, acks: -1, messages: [{ key, value }] }),
    observer,
    willFail,
    onScenario: ({ title }) => say(`${title} …`),
    during: (scenario, before) => {
      if (!scenario.kill) return Promise.resolve();
      const restart = () => startBridge('aws', FAULTS);
      return killHalfWay(scenario, bridges.get('aws')!, restart, observer, before);
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
  const link = ui && `${ui}/namespaces/${namespace}/workflows?query=${failedQuery}`;
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 1000);
  if (json) printJson({ ok, seconds, results, replays, reconciliations, failedWorkflows: link });
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
    process.stdout.write(`${ok ? 'All as expected' : 'NOT AS EXPECTED'}, in ${seconds} s\n`);
  }
  if (keep) {
    await writeLocalEnvironment(local);
    for (const bridge of bridges.values()) bridge.detach();
    const pids = [...bridges.values()].map(({ pid }) => pid).join(' ');
    say(`\nEverything runs on. Try: npx cloudsync status | failed list | dlq list | reconcile`);
    say(`To end it: kill ${pids}; npx cloudsync dev down`);
  }
  return ok;
}

const { rates, seed } = parseFaults(FAULTS);

function willFail(stream: string, id: string): boolean {
  return failsForGood(rates[stream] ?? {}, seed, id);
}

/** Kills the bridge worker when about half of the scenario is delivered, and starts it again. */
async function killHalfWay(
  { sends }: Scenario,
  bridge: BridgeProcess,
  restart: () => Promise<void>,
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
  .description('the whole of CloudSync on this machine: servers, bridge workers, seven scenarios')
  .option('--json', 'print one JSON document')
  .addOption(new Option('--lane <lane>').choices(['record', 'chunk']).default('record'))
  .option('--keep', 'leave servers and bridge workers running')
  .exitOverride();
program
  .parseAsync()
  .then(() => demo(program.opts<Flags>()))
  .then((ok) => {
    if (!ok) process.exitCode = 1;
  })
  .catch(exitWith);
