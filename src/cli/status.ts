import type { Command } from 'commander';
import { streamStatus, type StreamStatus } from '../operations/status';
import { withServers, type StreamFlags } from './context';
import { printJson, say, table } from './output';
import { withStreamOptions } from './stream-options';

export function addStatusCommand(program: Command): void {
  withStreamOptions(program.command('status'))
    .description('lag, workflows, dead letters and duplicates of each stream')
    .option('--json', 'print one JSON document')
    .action(async ({ json, ...flags }: StreamFlags & { json?: boolean }) => {
      const all = await withServers(flags, ({ kafka, temporal, streams }) =>
        Promise.all(streams.map((stream) => streamStatus(kafka, temporal.client, stream))),
      );
      if (json) return printJson({ streams: all });
      process.stdout.write(`${describe(all)}\n`);
      for (const { topic, lagByPartition } of all) {
        if (Object.keys(lagByPartition).length === 0) say(`topic ${topic} does not exist`);
      }
    });
}

function describe(all: StreamStatus[]): string {
  const streams = table(
    ['STREAM', 'TOPIC', 'GROUP', 'LAG', 'RUNNING', 'FAILED', 'COMPLETED', 'DEAD LETTERS'],
    all.map((one) => [
      one.name,
      one.topic,
      one.groupId,
      one.lag,
      one.running,
      one.failed,
      one.completed,
      one.deadLetters,
    ]),
  );
  const counters = table(
    ['STREAM', 'DELIVERED', 'RETRIES', 'DUPLICATES: RECENT', 'WORKFLOW-ID', 'SINK'],
    all.map(({ name, delivered, retries, duplicates }) => [
      name,
      delivered,
      retries,
      duplicates.recent,
      duplicates.workflowId,
      duplicates.sink,
    ]),
  );
  const behind = all.flatMap(({ name, lagByPartition }) =>
    Object.entries(lagByPartition)
      .filter(([, lag]) => lag > 0)
      .map(([partition, lag]) => [name, Number(partition), lag]),
  );
  const lags = behind.length > 0 ? [table(['STREAM', 'PARTITION', 'LAG'], behind)] : [];
  return [streams, counters, ...lags].join('\n\n');
}
