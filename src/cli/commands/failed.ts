import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { describeStuck, slowWorkflows } from '../../temporal/open-workflows';
import { listFailed } from '../../operations/failed/failed-list';
import { parseSince } from '../../operations/runs/failed-since';
import { showFailed, type FailedDetails } from '../../operations/failed/failed-show';
import type { AnyStream } from '../../domain/stream/stream';
import { printable } from '../../lib/unprintable';
import { withServers, type StreamFlags } from '../options/context';
import { withExit1 } from '../options/exit-codes';
import { entryFacts, entryTable, facts, recordFacts } from '../output/failed-output';
import { replay } from './failed-replay';
import { printJson, progressLine, say } from '../output/output';
import { table } from '../../lib/table';
import { withStreamOptions } from '../options/stream-options';
import { positiveInteger, repeatable } from './topics';

const SINCE = 'failed at or after: ISO 8601, or a duration back from now like 15m, 2h, 7d';

const NOT_ALL_REPLAYED =
  'a replay fails, a workflow that is named by its id is refused, or a record stays dead';

/** Limit for the open workflows of each stream that are searched for stuck ones. */
const MAX_LOOKED_AT = 100;

interface ListFlags extends StreamFlags {
  since?: Date;
  limit?: number;
  json?: boolean;
}

export function addFailedCommand(program: Command): void {
  const failed = program.command('failed').description('workflows whose latest run failed');
  withStreamOptions(failed.command('list'))
    .description('list the workflows whose latest run failed, newest first')
    .option('--since <time>', SINCE, (text) => parseSince(text))
    .option('--limit <n>', 'at most this many, the newest', positiveInteger)
    .option('--json', 'print one JSON document')
    .action(list);
  withStreamOptions(failed.command('show'))
    .description('show one failed workflow: its record, its error, its runs')
    .argument('<id>', 'workflow id')
    .option('--json', 'print one JSON document')
    .action(show);
  withExit1(
    withStreamOptions(failed.command('replay'), 'only this stream, repeatable; needed without ids'),
    NOT_ALL_REPLAYED,
  )
    .description(
      'run failed workflows again under the same ids with the same input; needs ids or --stream',
    )
    .argument('[id...]', 'workflow ids; or --stream for all of a stream')
    .option(
      '--error-type <type>',
      'with --stream: only of this error type (repeatable)',
      repeatable,
    )
    .option('--since <time>', `with --stream: ${SINCE}`, (text) => parseSince(text))
    .option('--wait', 'wait for the end of each')
    .option('--dry-run', 'show what would run again')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(replay);
}

async function list({ since, limit, json, ...flags }: ListFlags): Promise<void> {
  const { entries, stuck } = await withServers(flags, async ({ temporal, streams }) => {
    const { client } = temporal;
    const progress = progressLine();
    try {
      const onProgress = (found: number) => progress(`${found} found`);
      return {
        entries: await listFailed(client, streams, { since, limit, onProgress }),
        stuck: await stuckOf(client, streams),
      };
    } finally {
      progress('');
    }
  });
  for (const text of stuck) say(`not failed, but stuck: ${printable(text)}`);
  if (json) return printJson(entries);
  if (entries.length === 0) return say('no workflow whose latest run failed');
  process.stdout.write(`${entryTable(entries)}\n`);
}

/**
 * Describes the stuck workflows. They are open, so no list of failed workflows has them, but a person has to mend
 * them all the same.
 */
async function stuckOf(client: Client, streams: AnyStream[]): Promise<string[]> {
  const found = await Promise.all(
    streams.map((stream) => slowWorkflows(client, stream, { limit: MAX_LOOKED_AT })),
  );
  return found.flatMap(({ stuck }) => (stuck ? [describeStuck(stuck)] : []));
}

async function show(id: string, { json, ...flags }: StreamFlags & { json?: boolean }) {
  const details = await withServers(flags, ({ temporal, streams }) =>
    showFailed(temporal.client, streams, id),
  );
  if (!details) throw new Error(`there is no workflow ${JSON.stringify(id)}`);
  if (json) return printJson(details);
  process.stdout.write(`${describe(details)}\n`);
}

function describe(details: FailedDetails): string {
  const { workflowType, taskQueue, status, traceId, runs, pendingActivities, record } = details;
  const sections = [
    facts([
      ...entryFacts(details),
      ['status', status],
      ['type', workflowType],
      ['task queue', taskQueue],
      ...(traceId === null ? [] : [['trace id', traceId] as [string, string]]),
    ]),
    table(
      ['RUN', 'STATUS', 'STARTED', 'CLOSED'],
      runs.map((run) => [run.runId, run.status, run.startedAt, run.closedAt ?? '']),
    ),
  ];
  if (pendingActivities.length > 0) {
    const rows = pendingActivities.map((one) => [
      one.activity,
      one.maximumAttempts ? `${one.attempt} of ${one.maximumAttempts}` : one.attempt,
      one.lastError ?? '',
    ]);
    sections.push(table(['PENDING', 'ATTEMPT', 'LAST ERROR'], rows));
  }
  if (record) sections.push(facts(recordFacts(record)));
  return sections.join('\n\n');
}
