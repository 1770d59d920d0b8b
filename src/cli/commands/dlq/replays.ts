import type { Command } from 'commander';
import { statesOf } from '../../../operations/dead-letters/letter-states';
import { listReplays, type ListedReplay } from '../../../operations/replay/replay-list';
import { withServers, type StreamFlags } from '../../options/context';
import { printJson, say } from '../../output/output';
import { printable } from '../../../lib/unprintable';
import { table } from '../../../lib/table';
import { withStreamOptions } from '../../options/stream-options';

interface Flags extends StreamFlags {
  json?: boolean;
}

export function addDlqReplaysCommand(dlq: Command): void {
  withStreamOptions(dlq.command('replays'))
    .description(
      'list the replays of dead letters, newest first: who began them, and how far they came',
    )
    .option('--json', 'print one JSON document')
    .action(list);
}

async function list({ json, ...flags }: Flags): Promise<void> {
  await withServers(flags, async ({ kafka, temporal: { client }, streams }) => {
    const replays: ListedReplay[] = [];
    for (const stream of streams) {
      const read = async () => (await statesOf(kafka, stream)).replays;
      replays.push(...(await listReplays(client, stream, read)));
    }
    replays.sort((a, b) => (a.at < b.at ? 1 : -1));
    if (json) return printJson(replays);
    if (replays.length === 0) return say('no replays; "cloudsync dlq replay" begins one');
    const rows = replays.map(({ replay, stream, by, at, state, progress, counts }) => [
      ...[at, printable(replay), stream, printable(by), state],
      progress === null ? '' : `${progress.done} of ${progress.total ?? '?'}`,
      Object.entries(counts)
        .map(([name, count]) => `${count} ${name}`)
        .join(', '),
    ]);
    const head = ['BEGUN', 'REPLAY', 'STREAM', 'BY', 'STATE', 'PROGRESS', 'LETTERS'];
    process.stdout.write(`${table(head, rows)}\n`);
  });
}
