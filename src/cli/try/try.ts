import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { createProducer } from '../../kafka/producer/producer';
import { Releasers } from '../../lib/lifecycle';
import { createTopics } from '../../operations/topics';
import { createBridgeWorker } from '../../processes/create-bridge-worker';
import { ACCOUNTS, TRIED_PAYMENTS } from '../../reference/try/tried-payments';
import { accountsFile, newTryName, tryDirectory, tryStream } from '../../reference/try/try-stream';
import { loadSettings, processEnvironment } from '../../settings/config';
import { createLogger } from '../../telemetry/logger';
import { connectTemporal } from '../../temporal/temporal';
import { installTemporalRuntime } from '../../temporal/runtime';
import { addressesAsEnvironment } from '../dev/dev-up';
import { commandKafka } from '../options/context';
import { withExit1 } from '../options/exit-codes';
import { printJson, say } from '../output/output';
import { look, type Seen } from './look';
import { provideServers, requireWritable } from './provide';
import { workflowUrl } from '../../temporal/workflow-url';
import { describeTried, isFailed, RUN_ON } from './report';

/** Limits the wait for the messages. If all is as it must be, the wait takes some 2 s. */
const DEADLINE_MS = 60_000;
/** Limits the wait once nothing is under way: lists of workflows and totals may be behind by some seconds. */
const IDLE_MS = 10_000;
const LOOK_INTERVAL_MS = 300;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export function addTryCommand(program: Command): void {
  withExit1(program.command('try'), 'the outcome of a message is not the expected one')
    .summary('local servers, a bridge worker and five messages of which one fails')
    .description(
      'start a local Kafka and Temporal and a bridge worker, send five messages of which one fails, and show what became of each',
    )
    .option('--json', 'print one JSON document')
    .action(async ({ json = false }: { json?: boolean }) => {
      const releasers = new Releasers();
      const stopping = new AbortController();
      let ending: Promise<void> | undefined;
      for (const signal of SIGNALS) {
        process.once(signal, () => {
          ending = endBy(signal, stopping, releasers);
        });
      }
      try {
        await tryOut(json, releasers, stopping.signal);
      } catch (error) {
        // After a signal the work fails because all is being released.
        if (!ending) throw error;
      } finally {
        await (ending ?? releasers.release());
      }
    });
}

/**
 * Ends the process when the bridge worker has stopped. The start of servers can't be told to stop, so it is not waited
 * for. A second signal ends the process at once.
 */
async function endBy(
  signal: NodeJS.Signals,
  stopping: AbortController,
  releasers: Releasers,
): Promise<void> {
  stopping.abort();
  say(`cloudsync: ended by ${signal}; ${RUN_ON}`);
  try {
    await releasers.release();
  } finally {
    process.exit(1);
  }
}

async function tryOut(json: boolean, releasers: Releasers, stopping: AbortSignal): Promise<void> {
  // A folder that takes no files must end the command before a server is started.
  await requireWritable();
  const addresses = await provideServers();
  const settings = loadSettings({
    ...processEnvironment(),
    ...addressesAsEnvironment(addresses),
  });
  const { temporal } = settings;
  const { namespace } = temporal;
  // A worker with a version takes no workflow before an operator has made the version current.
  delete temporal.workerVersion;

  const name = newTryName();
  const directory = tryDirectory(name);
  await mkdir(directory);
  const log = join(directory, 'bridge.log');
  const logger = createLogger('info', createWriteStream(log));
  installTemporalRuntime(logger);
  const connected = await connectTemporal(temporal);
  releasers.push(() => connected.close());
  const kafka = commandKafka(settings);
  const stream = tryStream(name);
  await createTopics(kafka, [stream], { partitions: 1, replicationFactor: -1, dryRun: false });
  say(`topics ${name} and ${stream.deadLetterTopic} are made in Kafka, and stay there`);
  say(`starting a bridge worker, which writes into ${directory}`);
  const bridge = await createBridgeWorker({
    ...{ kafka: settings.kafka, temporal, streams: [stream], logger },
  });
  releasers.push(() => bridge.stop());
  const ended = new Promise<never>((_, reject) => {
    bridge.ended.catch((error: unknown) =>
      reject(new Error(`the bridge worker has ended; see ${log}`, { cause: error })),
    );
  });

  // The bridge worker may end before anybody waits for this promise.
  ended.catch(() => undefined);

  // This file makes the run known to the other commands.
  await writeFile(accountsFile(name), ACCOUNTS.map((one) => `${one}\n`).join(''));
  say(`sending five payments: ${TRIED_PAYMENTS.map(({ about }) => about).join('; ')}\n`);
  const places = await send(kafka, stream);
  const seen = await Promise.race([
    untilSettled(() => look(kafka, connected.client, stream, places)),
    ended,
  ]);
  if (stopping.aborted) return;
  const { messages, faults } = seen;
  const { ui } = addresses.temporal;
  if (json) {
    printJson({
      ok: faults.length === 0,
      ...{ stream: name, topic: name, directory, namespace, messages, faults },
      failedWorkflow: urlOfFailed(seen, namespace, ui),
    });
  } else {
    const text = describeTried({ namespace, ui, messages });
    process.stdout.write(`${text}\n`);
  }
  if (faults.length > 0) {
    throw new Error(
      `it is not as it must be: ${faults.join('; ')}. The bridge worker's log may say why: ${log}`,
    );
  }
}

/** Sends the five payments; tells where their records lie. */
async function send(kafka: Kafka, { topic }: AnyStream): Promise<RecordPosition[]> {
  const producer = createProducer(kafka);
  await producer.connect();
  try {
    const messages = TRIED_PAYMENTS.map(({ payment }) => ({
      key: payment.id,
      value: JSON.stringify(payment),
    }));
    const [sent] = await producer.send({ topic, acks: -1, messages });
    const first = Number(sent!.baseOffset);
    return messages.map((_, index) => ({ topic, partition: 0, offset: first + index }));
  } finally {
    await producer.disconnect();
  }
}

/** Looks until all is as it must be, or until a limit is reached. Gives the last look. */
async function untilSettled(lookNow: () => Promise<Seen>): Promise<Seen> {
  const deadline = Date.now() + DEADLINE_MS;
  let idleSince: number | undefined;
  for (;;) {
    const seen = await lookNow();
    const now = Date.now();
    idleSince = seen.idle ? (idleSince ?? now) : undefined;
    const isOver = now > deadline || now - (idleSince ?? now) > IDLE_MS;
    if (seen.faults.length === 0 || isOver) return seen;
    await sleep(LOOK_INTERVAL_MS);
  }
}

function urlOfFailed({ messages }: Seen, namespace: string, ui: string | undefined): string | null {
  const { workflowId, runId } = messages.find(isFailed) ?? {};
  return ui && workflowId && runId ? workflowUrl(ui, namespace, { workflowId, runId }) : null;
}
