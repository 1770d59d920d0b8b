import { InvalidArgumentError, Option, type Command } from 'commander';
import { streamStatus, type StreamStatus } from '../../operations/status/status';
import { withServers, type OperationContext, type StreamFlags } from '../options/context';
import { printJson, say } from '../output/output';
import { describeStatus } from '../output/status-output';
import { withStreamOptions } from '../options/stream-options';
import { watch } from '../output/watch';

interface Flags extends StreamFlags {
  json?: boolean;
  watch?: true | number;
}

const DEFAULT_INTERVAL_SECONDS = 2;

export function addStatusCommand(program: Command): void {
  withStreamOptions(program.command('status'))
    .summary('lag, workflows, dead letters, duplicates and deliveries of each stream')
    .description(
      'show lag, consumers, workflows, dead letters, duplicates, memory and delivery time of each stream, and what is retried (last error), stuck, braked or held',
    )
    .option('--json', 'print one JSON document')
    .addOption(
      new Option(
        '--watch [seconds]',
        `refresh in place, ${DEFAULT_INTERVAL_SECONDS} s after each answer or as often as said, until Ctrl-C; not with --json`,
      )
        .argParser(parseInterval)
        .conflicts('json'),
    )
    .action(({ json, watch: interval, ...flags }: Flags) =>
      withServers(flags, async (context) => {
        if (interval === undefined) return show(await allStatuses(context), json);
        const seconds = interval === true ? DEFAULT_INTERVAL_SECONDS : interval;
        await watch(seconds * 1_000, async () => describeStatus(await allStatuses(context)));
      }),
    );
}

function allStatuses({ kafka, temporal, streams }: OperationContext): Promise<StreamStatus[]> {
  return Promise.all(streams.map((stream) => streamStatus(kafka, temporal.client, stream)));
}

function show(all: StreamStatus[], json?: boolean): void {
  if (json) return printJson({ streams: all });
  process.stdout.write(`${describeStatus(all)}\n`);
  for (const { topic, lagByPartition } of all) {
    if (Object.keys(lagByPartition).length === 0) say(`topic ${topic} does not exist`);
  }
}

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('must be a number of seconds from 0.1 to 86400');
}
