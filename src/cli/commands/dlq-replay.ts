import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createRecordReader } from '../../kafka/reader';
import { createProducer } from '../../kafka/producer/producer';
import { UsageError } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import { parseSince } from '../../operations/runs/failed-since';
import { topicRanges, type PartitionRange } from '../../operations/topic/read-topic';
import {
  AuditLog,
  AuditProgress,
  readAudit,
  readAudits,
  type AuditStart,
  type ReplayFilters,
} from '../../operations/replay/replay-audit';
import { planReplay, type ReplayPlan } from '../../operations/replay/replay-plan';
import { runReplay, type LetterResult } from '../../operations/replay/replay-run';
import { confirmed, requireTerminal } from '../options/confirm';
import { withServers, type OperationContext, type StreamFlags } from '../options/context';
import { withExit1 } from '../options/exit-codes';
import { reportPlan, reportResults } from '../output/dlq-replay-output';
import { printable } from '../../lib/unprintable';
import { progressLine, say } from '../output/output';
import { withStreamOptions } from '../options/stream-options';
import { positiveInteger, repeatable } from './topics';

interface Flags extends StreamFlags {
  errorType?: string[];
  id?: string[];
  since?: Date;
  until?: Date;
  limit?: number;
  maxReplays?: number;
  rate?: number;
  wait?: boolean;
  audit?: string;
  resume?: string;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Relative to the folder in which the command runs. */
export const LOG_DIRECTORY = join('.cloudsync', 'replays');
const MAX_REPLAYS = 3;
const TIME = 'ISO 8601, or a duration back from now like 15m, 2h, 7d';

const NOT_ALL_REPLAYED =
  'a replay fails, a dead letter that is named is refused, or a record stays dead';

const time = (text: string) => parseSince(text);

export function addDlqReplayCommand(dlq: Command): void {
  withExit1(withStreamOptions(dlq.command('replay'), 'the stream (required)'), NOT_ALL_REPLAYED)
    .description(
      'run the workflows of dead letters again, or send records back to their topic if the workflow is gone',
    )
    .argument(
      '[letter...]',
      'partition:offset on the dead-letter topic (default: all of the stream)',
    )
    .option('--error-type <type>', 'only of this error type (repeatable)', repeatable)
    .option('--id <message-id>', 'only of this message (repeatable)', repeatable)
    .option('--since <time>', `failed at or after: ${TIME}`, time)
    .option('--until <time>', `failed at or before: ${TIME}`, time)
    .option('--limit <n>', 'replay at most this many, the oldest records first', positiveInteger)
    .option(
      '--max-replays <n>',
      `send a record back at most this often (default: ${MAX_REPLAYS})`,
      positiveInteger,
    )
    .option('--rate <n>', 'begin at most this many a second', positiveInteger)
    .option(
      '--wait',
      'wait until each record has ended (always so for a stream that delivers in order)',
    )
    .option('--audit <file>', `log of what is done (default: a new file in ${LOG_DIRECTORY})`)
    .option('--resume <file>', 'continue the replay of this log')
    .option('--dry-run', 'show what would be done')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(replay);
}

async function replay(places: string[], flags: Flags): Promise<void> {
  if (flags.stream?.length !== 1) throw new UsageError('name one stream with --stream');
  const given = filtersOf(places, flags);
  const resumed = flags.resume === undefined ? undefined : await resumedStart(flags, given);
  const ask = !flags.dryRun && !flags.yes;
  if (ask) requireTerminal();

  await withServers(flags, async (context) => {
    const stream = context.streams[0]!;
    try {
      const start = resumed ?? (await newStart(context, stream, flags, given));
      if (start.stream !== stream.name) {
        throw new UsageError(`the log is of stream ${start.stream}, not of ${stream.name}`);
      }
      const plan = await planned(context, stream, start, flags);
      const named = Boolean(start.filters.places ?? start.filters.messageIds);
      if (flags.dryRun) return reportPlan(stream, plan, named, flags);
      const { runs, sends } = countsOf(plan);
      const question = `Run ${runs} workflows again and send ${sends} records back to ${stream.topic}?`;
      if (ask && runs + sends > 0 && !(await confirmed(question)))
        throw new Error('nothing replayed');
      const { results, log, stopped } = await run(context, stream, start, plan, flags);
      reportResults(stream, results, { named, log, ...flags });
      if (stopped) throw new Error(`stopped${howToGoOn(stream, log)}`);
    } finally {
      await stream.sink.close?.();
    }
  });
}

function filtersOf(places: string[], { errorType, id, since, until, limit }: Flags): ReplayFilters {
  const wrong = places.find((place) => !/^\d{1,9}:\d{1,15}$/.test(place));
  if (wrong !== undefined) {
    throw new UsageError(
      `${JSON.stringify(wrong)} is not partition:offset, as "dlq list" shows it`,
    );
  }
  return {
    ...(places.length > 0 && {
      places: places.map((place) => place.split(':').map(Number).join(':')),
    }),
    ...(errorType && { errorTypes: errorType }),
    ...(id && { messageIds: id }),
    ...(since && { since: since.toISOString() }),
    ...(until && { until: until.toISOString() }),
    ...(limit !== undefined && { limit }),
  };
}

async function resumedStart(flags: Flags, given: ReplayFilters): Promise<AuditStart> {
  if (
    Object.keys(given).length > 0 ||
    flags.audit !== undefined ||
    flags.maxReplays !== undefined
  ) {
    throw new UsageError('--resume reads its filters from the log: omit the other options');
  }
  const [first] = await readAudit(flags.resume!);
  if (first?.event !== 'start')
    throw new UsageError(`${flags.resume} does not begin as a log does`);
  return first;
}

async function newStart(
  { kafka }: OperationContext,
  { name, deadLetterTopic }: AnyStream,
  { maxReplays = MAX_REPLAYS, wait = false }: Flags,
  filters: ReplayFilters,
): Promise<Omit<AuditStart, 'at' | 'event'>> {
  const ranges: PartitionRange[] | undefined = await topicRanges(kafka, deadLetterTopic);
  if (!ranges) {
    throw new UsageError(`no topic ${deadLetterTopic}: "cloudsync topics create" makes it`);
  }
  return { stream: name, deadLetterTopic, ranges, filters, maxReplays, wait };
}

async function planned(
  { kafka, temporal }: OperationContext,
  stream: AnyStream,
  { ranges, filters, maxReplays }: Omit<AuditStart, 'at' | 'event'>,
  { resume }: Flags,
): Promise<ReplayPlan> {
  const own = new AuditProgress();
  for (const line of resume === undefined ? [] : await readAudit(resume)) own.add(line);
  const onProgress = progressLine();
  const onNotice = (text: string) => {
    onProgress('');
    say(printable(text));
  };
  const earlier = await readAudits(LOG_DIRECTORY, onNotice);
  try {
    const request = { filters, maxReplays, ranges, own, earlier, onProgress, onNotice };
    return await planReplay(kafka, temporal.client, stream, request);
  } finally {
    onProgress('');
  }
}

function countsOf({ queues }: ReplayPlan): { runs: number; sends: number } {
  const count = (wanted: string) =>
    queues.flat().filter(({ decision: { action } }) => action === wanted).length;
  return { runs: count('run'), sends: count('send') };
}

/** Carries out the plan. Ctrl-C ends it after the records under way. */
async function run(
  { kafka, temporal }: OperationContext,
  stream: AnyStream,
  start: Omit<AuditStart, 'at' | 'event'>,
  plan: ReplayPlan,
  flags: Flags,
): Promise<{ results: LetterResult[]; log: string | undefined; stopped: boolean }> {
  const letters = plan.queues.flat();
  const log = letters.some(({ decision: { action } }) => action !== 'refuse')
    ? await openLog(stream, start, flags)
    : undefined;
  const producer = createProducer(kafka, { tries: 1 });
  const reader = createRecordReader(kafka);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const signal of SIGNALS) process.once(signal, onSignal);
  const progress = progressLine();
  let done = 0;
  try {
    if (countsOf(plan).sends > 0) await producer.connect();
    const results = await runReplay(
      {
        ...{ kafka, client: temporal.client, stream, producer, reader, signal: stop.signal },
        log: log ?? { write: () => Promise.resolve() },
        wait: start.wait || (flags.wait ?? false),
        rate: flags.rate,
        onResult: () => progress(`${++done} of ${letters.length}`),
      },
      plan,
    );
    return { results, log: log?.path, stopped: stop.signal.aborted };
  } catch (error) {
    say(`not all was replayed${howToGoOn(stream, log?.path)}`);
    throw error;
  } finally {
    progress('');
    for (const signal of SIGNALS) process.off(signal, onSignal);
    await Promise.all([producer.disconnect(), reader.close(), log?.close()]);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

async function openLog(
  { name }: AnyStream,
  start: Omit<AuditStart, 'at' | 'event'>,
  { audit, resume }: Flags,
): Promise<AuditLog> {
  if (resume !== undefined) return AuditLog.resume(resume);
  const now = new Date().toISOString().replace(/[:.]/g, '-');
  if (audit === undefined) await mkdir(LOG_DIRECTORY, { recursive: true });
  return AuditLog.create(audit ?? join(LOG_DIRECTORY, `${name}-${now}.ndjson`), start);
}

function howToGoOn({ name }: AnyStream, log: string | undefined): string {
  if (log === undefined) return '';
  return `; to continue: cloudsync dlq replay --stream ${name} --resume ${printable(log)}`;
}
