import { InvalidArgumentError, Option, type Command } from 'commander';
import { createTopics } from '../../operations/topics';
import { commandContext, commandKafka, type StreamFlags } from '../options/context';
import { printJson } from '../output/output';
import { table } from '../../lib/table';
import { withStreamOptions } from '../options/stream-options';

interface Flags extends StreamFlags {
  partitions: number;
  replicationFactor: number;
  dryRun?: boolean;
  json?: boolean;
}

export function addTopicsCommand(program: Command): void {
  const topics = program.command('topics').description('topics of the streams');
  withStreamOptions(topics.command('create'))
    .description("create the streams' topics and dead-letter topics that are missing")
    .option('--partitions <n>', 'partitions of a new topic', positiveInteger, 4)
    .addOption(
      new Option('--replication-factor <n>', 'replicas of each partition')
        .argParser(positiveInteger)
        .default(-1, "the broker's"),
    )
    .option('--dry-run', 'show what would be created')
    .option('--json', 'print one JSON document')
    .action(async (flags: Flags) => {
      const { settings, streams } = await commandContext(flags);
      const { partitions, replicationFactor, dryRun = false } = flags;
      const kafka = commandKafka(settings);
      const plan = await createTopics(kafka, streams, { partitions, replicationFactor, dryRun });
      if (flags.json) {
        return printJson(plan.map((one) => ({ ...one, created: !one.exists && !dryRun })));
      }
      const verb = dryRun ? 'would be created' : 'created';
      const rows = plan.map((one) => [one.topic, one.exists ? 'exists' : verb]);
      process.stdout.write(`${table(['TOPIC', 'STATE'], rows)}\n`);
    });
}

export function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new InvalidArgumentError('It must be a positive integer.');
  return Number(text);
}

/** Parser of an option that may be given more than once. */
export function repeatable(value: string, values: string[] = []): string[] {
  return [...values, value];
}
