import type { Command } from 'commander';
import { UsageError } from '../../../domain/errors';
import type { AnyStream } from '../../../domain/stream/stream';
import type { ReplayFilters, ReplayRequest } from '../../../domain/stream/replay';
import { statesOf, type LetterStates } from '../../../operations/dead-letters/letter-states';
import { beginReplay, endReplay } from '../../../operations/actions/actions';
import { operator } from '../../../operations/operator';
import { auditLines, createAudit } from '../../../operations/replay/replay-audit';
import { planReplay, type ReplayPlan } from '../../../operations/replay/replay-plan';
import { refusals, resultsOf } from '../../../operations/replay/replay-results';
import { followReplay, runningReplay } from '../../../operations/replay/replay-start';
import { MAX_REPLAYS, newReplay } from '../../../operations/replay/replay-request';
import { commandActor } from '../../options/actor';
import { confirmed, requireTerminal } from '../../options/confirm';
import { withServers, type OperationContext, type StreamFlags } from '../../options/context';
import { withExit1 } from '../../options/exit-codes';
import { reportPlan, reportResults } from '../../output/dlq-replay-output';
import { printable } from '../../../lib/unprintable';
import { printJson, progressLine, say } from '../../output/output';
import { withStreamOptions } from '../../options/stream-options';
import { knownStates, oldLog, oldRequest } from './replay-request';
import { filtersOf, withFilterOptions, type FilterFlags } from './filter-options';
import { positiveInteger } from '../topics';

interface Flags extends StreamFlags, FilterFlags {
  maxReplays?: number;
  rate?: number;
  wait?: boolean;
  audit?: string;
  resume?: string;
  detach?: boolean;
  stop?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

const NOT_ALL_REPLAYED =
  'a replay fails, a dead letter that is named is refused, or a record stays dead';

export function addDlqReplayCommand(dlq: Command): void {
  const command = withStreamOptions(dlq.command('replay'), 'the stream (required)')
    .description(
      'run the workflows of dead letters again, or send records back to their topic if the workflow is gone',
    )
    .argument(
      '[letter...]',
      'partition:offset on the dead-letter topic (default: all of the stream)',
    );
  withExit1(withFilterOptions(command), NOT_ALL_REPLAYED)
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
    .option('--detach', 'do not wait for the end of the replay')
    .option('--stop', "stop the stream's running replay after the records under way")
    .option('--resume <replay>', 'continue a stopped replay, or follow a running one')
    .option(
      '--audit <file>',
      'write what was done to this new file as well, when the replay has ended',
    )
    .option('--dry-run', 'show what would be done')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(replay);
}

async function replay(places: string[], flags: Flags): Promise<void> {
  if (flags.stream?.length !== 1) throw new UsageError('name one stream with --stream');
  const given = filtersOf(places, flags);
  if (flags.stop) return stop(flags, given);
  const isNew = flags.resume === undefined;
  if (!isNew && (Object.keys(given).length > 0 || flags.maxReplays !== undefined)) {
    throw new UsageError('--resume has its filters from before: omit the other options');
  }
  if (flags.detach && flags.audit !== undefined) {
    throw new UsageError('--audit writes when the replay has ended: omit --detach');
  }
  const log = await oldLog(flags.resume);
  const ask = !flags.dryRun && !flags.yes;
  if (ask) requireTerminal();

  await withServers(flags, async (context) => {
    const stream = context.streams[0]!;
    const { client } = context.temporal;
    try {
      const states = await knownStates(context.kafka, stream, log, flags);
      const request = isNew
        ? await newReplay(context.kafka, stream, { by: operator(), filters: given, ...flags })
        : oldRequest(stream, flags, log, states);
      const running = flags.dryRun ? undefined : await runningReplay(client, stream);
      const follows = running?.replay === request.replay;
      const plan = await planned(context, stream, request, states);
      const named = Boolean(request.filters.places ?? request.filters.messageIds);
      if (flags.dryRun) return reportPlan(stream, plan, named, flags);
      const { runs, sends } = countsOf(plan);
      const question = `Run ${runs} workflows again and send ${sends} records back to ${stream.topic}?`;
      if (ask && !follows && runs + sends > 0 && !(await confirmed(question)))
        throw new Error('nothing replayed');
      const refused = refusals(plan);
      if (refused && !follows) return reportResults(stream, refused, { named, ...flags });
      const audit = flags.audit === undefined ? undefined : await createAudit(flags.audit);
      try {
        const actor = commandActor(context.kafka, stream);
        const { runId } = follows ? running : await beginReplay(actor, client, request, !isNew);
        if (flags.detach) return reportStarted(stream, request, flags);
        const stopped = await follow(context, stream, request.replay, runId, !follows);
        const done = await statesOf(context.kafka, stream);
        const { results, entries } = resultsOf(plan, done, request.replay);
        await audit?.writeFile(auditLines(request, entries));
        reportResults(stream, results, {
          ...{ named, json: flags.json, log: flags.audit, replay: request.replay },
        });
        if (stopped) throw new Error(`stopped; to continue: ${resumeCommand(stream, request)}`);
      } finally {
        await audit?.close();
      }
    } finally {
      await stream.sink.close?.();
    }
  });
}

async function stop(flags: Flags, given: ReplayFilters): Promise<void> {
  if (Object.keys(given).length > 0) {
    throw new UsageError('--stop ends the whole replay: omit letters and filters');
  }
  await withServers(flags, async ({ kafka, temporal: { client }, streams: [stream] }) => {
    const running = await runningReplay(client, stream!);
    const actor = commandActor(kafka, stream!);
    const stopped = running && (await endReplay(actor, client, running)) ? running : null;
    if (flags.json) return printJson({ stream: stream!.name, stopped: stopped?.replay ?? null });
    if (!stopped) return say(`no replay of stream ${stream!.name} is running`);
    say(`replay ${stopped.replay} ends after the records under way`);
    say(`to continue: ${resumeCommand(stream!, stopped)}`);
  });
}

async function planned(
  { kafka, temporal }: OperationContext,
  stream: AnyStream,
  { replay, ranges, filters, maxReplays }: ReplayRequest,
  states: LetterStates,
): Promise<ReplayPlan> {
  const onProgress = progressLine();
  const onNotice = (text: string) => {
    onProgress('');
    say(printable(text));
  };
  try {
    const request = { filters, maxReplays, ranges, replay, states, onProgress, onNotice };
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

function reportStarted(stream: AnyStream, { replay }: ReplayRequest, { json }: Flags): void {
  if (json) return printJson({ stream: stream.name, replay });
  say(`replay ${replay} has begun; "cloudsync dlq replays --stream ${stream.name}" shows it`);
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** How long a stop waits for a worker, in milliseconds. */
const STOP_DEADLINE_MS = 10_000;

/** Waits for the end of the replay. Ctrl-C stops the replay if this command began it. Returns whether it was stopped. */
async function follow(
  { kafka, temporal: { client } }: OperationContext,
  stream: AnyStream,
  replay: string,
  runId: string,
  /** Whether this command began the replay. Otherwise Ctrl-C leaves it alone. */
  isOwn: boolean,
): Promise<boolean> {
  const line = progressLine();
  const onNotice = (text: string) => {
    line('');
    say(printable(text));
  };
  const left = new AbortController();
  let deadline: NodeJS.Timeout | undefined;
  const onSignal = () => {
    if (!isOwn || deadline) return left.abort();
    onNotice('the replay ends after the records under way; Ctrl-C again does not wait for that');
    deadline = setTimeout(() => left.abort(), STOP_DEADLINE_MS);
    const actor = { ...commandActor(kafka, stream), onNotice };
    endReplay(actor, client, { replay, runId }).catch((error: unknown) => onNotice(String(error)));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const ended = await followReplay(client, stream, runId, {
      onProgress: ({ text, done, total }) => line(total === null ? text : `${done} of ${total}`),
      onNotice,
      signal: left.signal,
    });
    if (!ended && !isOwn) onNotice('the replay goes on');
    else if (!ended) onNotice('the stop takes effect when a worker of the stream takes it');
    return !ended || ended.stoppedBy !== null || ended.progress === null;
  } catch (error) {
    if (!(error instanceof UsageError)) {
      onNotice(`to continue: ${resumeCommand(stream, { replay })}`);
    }
    throw error;
  } finally {
    line('');
    clearTimeout(deadline);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

function resumeCommand({ name }: AnyStream, { replay }: { replay: string }): string {
  return `cloudsync dlq replay --stream ${name} --resume ${printable(replay)}`;
}
