import type { Command } from 'commander';
import { LetterIndexer } from '../../../operations/letter-index/letter-indexer';
import { isoTime, type LetterGroup } from '../../../operations/letter-index/letter-groups';
import { requireTopics } from '../../../operations/topics';
import { commandContext, commandKafka, type StreamFlags } from '../../options/context';
import { cut } from '../../output/failed-output';
import { printJson, progressLine, say } from '../../output/output';
import { withStreamOptions } from '../../options/stream-options';
import { table } from '../../../lib/table';

interface Flags extends StreamFlags {
  json?: boolean;
}

interface ListedGroup extends Omit<LetterGroup, 'firstAt' | 'lastAt'> {
  stream: string;
  /** When its first and its last letter were given up, ISO 8601; null if no letter says. */
  firstAt: string | null;
  lastAt: string | null;
}

const PROGRESS_INTERVAL_MS = 500;

export function addDlqGroupsCommand(dlq: Command): void {
  withStreamOptions(dlq.command('groups'))
    .description(
      'group dead letters by error type and message, with how many are open; needs no Temporal',
    )
    .option('--json', 'print one JSON document')
    .action(groups);
}

async function groups({ json, ...flags }: Flags): Promise<void> {
  const { settings, streams } = await commandContext(flags);
  const kafka = commandKafka(settings);
  await requireTopics(kafka, [...new Set(streams.map(({ deadLetterTopic }) => deadLetterTopic))]);
  const found: ListedGroup[] = [];
  for (const stream of streams) {
    const indexer = new LetterIndexer(kafka, stream);
    const line = progressLine();
    const shown = setInterval(
      () => line(`${stream.name}: ${indexer.progress.read} of ${indexer.progress.total} read`),
      PROGRESS_INTERVAL_MS,
    );
    try {
      await indexer.catchUp();
    } finally {
      clearInterval(shown);
      line('');
      await indexer.close();
    }
    for (const { firstAt, lastAt, ...group } of indexer.index.groups) {
      const times = { firstAt: isoTime(firstAt), lastAt: isoTime(lastAt) };
      found.push({ stream: stream.name, ...group, ...times });
    }
  }
  found.sort((a, b) => b.counts.open - a.counts.open);
  if (json) return printJson(found);
  if (found.length === 0) return say('no dead letters');
  const rows = found.map(({ id, stream, errorType, example, counts, firstAt, lastAt }) => [
    ...[
      counts.open + counts.held,
      counts.replayed,
      counts.delivered,
      counts.superseded,
      counts.discarded,
    ],
    ...[id ?? '', stream, errorType, cut(example), firstAt ?? '', lastAt ?? ''],
  ]);
  const head = ['OPEN', 'REPLAYED', 'DELIVERED', 'SUPERSEDED', 'DISCARDED'];
  const rest = ['GROUP', 'STREAM', 'ERROR', 'EXAMPLE', 'FIRST', 'LAST'];
  process.stdout.write(`${table([...head, ...rest], rows)}\n`);
}
