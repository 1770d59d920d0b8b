import { Option, type Command } from 'commander';
import { createProducer } from '../../kafka/producer/producer';
import { UsageError } from '../../domain/errors';
import { parseOrThrow } from '../../domain/workflow/parse';
import type { AnyStream } from '../../domain/stream/stream';
import { httpSender } from '../../reference/scenarios/http-sender';
import { OwnMessages } from '../../reference/scenarios/own-messages';
import { resultTable } from '../../reference/scenarios/report';
import { runScenarios } from '../../reference/scenarios/run';
import { idempotencyScenarios } from '../../reference/scenarios/scenarios';
import { messageValue, type SendMessage } from '../../reference/scenarios/send';
import { urlFault } from '../../sinks/http/http-options';
import { failsForGood } from '../../sinks/faults';
import { confirmed, requireTerminal } from '../options/confirm';
import { withServers, type OperationContext, type StreamFlags } from '../options/context';
import { withExit1 } from '../options/exit-codes';
import { printJson, say } from '../output/output';
import { withStreamOptions } from '../options/stream-options';

interface Flags extends StreamFlags {
  api?: string;
  token?: string;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function addScenariosCommand(program: Command): void {
  withExit1(withStreamOptions(program.command('scenarios')), 'an outcome is not the expected one')
    .description(
      'send messages and duplicates in six ways to a running system, and compare the outcome with the expected one',
    )
    .addOption(
      new Option(
        '--api <url>',
        'send through the HTTP producer at this address (default: to Kafka)',
      ),
    )
    .option('--token <token>', 'bearer token of the HTTP producer (default: CLOUDSYNC_API_TOKEN)')
    .option('--dry-run', 'say what would be sent')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(scenarios);
}

async function scenarios({ api, token, dryRun, yes, json, ...flags }: Flags): Promise<void> {
  const prefix = `scenarios-${Date.now().toString(36)}-`;
  const all = idempotencyScenarios(prefix);
  const count = all.reduce((sum, { sends }) => sum + sends.length, 0);
  const target = api === undefined ? undefined : apiTarget(api);
  if (!dryRun && !yes) requireTerminal();
  await withServers(flags, async (context) => {
    const topic = await commonTopic(context.streams);
    for (const { title, name } of all) say(`${name}: ${title}`);
    say(`${count} messages to ${topic}${api ? ` through ${api}` : ''}, ids ${prefix}…`);
    if (dryRun) return;
    if (!yes && !(await confirmed('Send them?'))) throw new Error('nothing sent');
    const own = await OwnMessages.from(
      context.kafka,
      context.temporal.client,
      context.streams,
      prefix,
    );
    const { send, close } = target
      ? {
          send: httpSender(target, token ?? context.settings.apiToken),
          close: () => Promise.resolve(),
        }
      : await kafkaSender(context, topic);
    try {
      const { rates, seed } = context.settings.faults;
      const results = await runScenarios({
        scenarios: all,
        send,
        observer: own,
        willFail: (stream, id) => failsForGood(rates[stream] ?? {}, seed, id),
        alone: async (sent) => (await own.appended()) === sent,
        onScenario: ({ title }) => say(`${title} …`),
      });
      const ok = results.every((result) => result.ok);
      if (!ok) process.exitCode = 1;
      if (json) return printJson({ ok, idPrefix: prefix, results });
      process.stdout.write(`${resultTable(results)}\n`);
      say(ok ? 'All as expected' : 'NOT AS EXPECTED');
    } finally {
      await close();
      for (const { sink } of context.streams) await sink.close?.();
    }
  });
}

function apiTarget(api: string): string {
  if (urlFault(api) === undefined) return api;
  throw new UsageError('--api must be an http or https URL without user and password');
}

/**
 * Returns the topic of all streams. The scenarios send each message to all streams, so it must suit each stream.
 */
async function commonTopic(streams: AnyStream[]): Promise<string> {
  const topic = streams[0]!.topic;
  const value = Buffer.from(messageValue('scenarios', new Date()));
  const place = { topic, partition: 0, offset: 0, timestamp: 0 };
  for (const stream of streams) {
    if (stream.topic !== topic) {
      throw new UsageError(`the streams have different topics: name those of one with --stream`);
    }
    const parsed = await parseOrThrow(stream, { ...place, key: null, value, headers: [] });
    if (!parsed.ok) {
      const { message } = parsed.reason;
      throw new UsageError(`stream ${stream.name} does not take reference messages: ${message}`);
    }
  }
  return topic;
}

async function kafkaSender(
  { kafka }: OperationContext,
  topic: string,
): Promise<{ send: SendMessage; close: () => Promise<void> }> {
  const producer = createProducer(kafka);
  await producer.connect();
  return {
    send: (key, value) => producer.send({ topic, acks: -1, messages: [{ key, value }] }),
    close: () => producer.disconnect(),
  };
}
