import { setMaxListeners } from 'node:events';
import { errorMessage, UsageError } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import { writeStates } from '../../operations/dead-letters/letter-states';
import type { RunAgainEntry } from '../../operations/dead-letters/state-entries';
import { audited } from '../../operations/actions/audited';
import { operator } from '../../operations/operator';
import { listFailed } from '../../operations/failed/failed-list';
import { CONCURRENCY, latestFailedRuns } from '../../operations/runs/failed-runs';
import { replayFailed, type ReplayResult } from '../../operations/failed/failed-replay';
import { endOfRun, type Ended } from '../../operations/replay/replay-end';
import { mapConcurrently } from '../../lib/concurrently';
import { commandActor } from '../options/actor';
import { confirmed, requireTerminal } from '../options/confirm';
import { withServers, type OperationContext, type StreamFlags } from '../options/context';
import { printable } from '../../lib/unprintable';
import { oneLine } from '../output/failed-output';
import { printJson, progressLine, say } from '../output/output';

interface Flags extends StreamFlags {
  errorType?: string[];
  since?: Date;
  wait?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Runs `failed replay`. */
export async function replay(ids: string[], flags: Flags): Promise<void> {
  const { since, errorType, dryRun = false, yes = false } = flags;
  if (ids.length === 0 && !flags.stream) {
    throw new UsageError('name workflow ids, or a stream with --stream');
  }
  if (ids.length > 0 && (since ?? errorType)) {
    throw new UsageError('--since and --error-type go with --stream, not with ids');
  }
  const ask = !dryRun && !yes;
  if (ask) requireTerminal();

  await withServers(flags, async (context) => {
    const chosen = ids.length > 0 ? [...new Set(ids)] : await failedIds(context, flags);
    const what = chosen.length === 1 ? '1 workflow' : `${chosen.length} workflows`;
    if (ask && chosen.length > 0 && !(await confirmed(`Run ${what} again?`))) {
      throw new Error('nothing replayed');
    }
    const results = await replayAll(context, chosen, flags);
    report(results, flags);
    // Somebody else may have replayed a workflow of a stream meanwhile. So for a stream, a refusal fails the
    // command only if the record stays dead. Workflow ids were named one by one, so each refusal fails the
    // command.
    const isLeft = ({ outcome, staysDead, ended }: Result) =>
      ended?.end === 'deadAgain' ||
      (outcome === 'refused' && (ids.length > 0 || (staysDead && !dryRun)));
    if (results.some(isLeft)) process.exitCode = 1;
  });
}

async function failedIds(
  { temporal: { client }, streams }: OperationContext,
  { since, errorType }: Flags,
): Promise<string[]> {
  const progress = progressLine();
  const onProgress = (found: number) => progress(`${found} found`);
  try {
    if (errorType) {
      const entries = await listFailed(client, streams, { since, onProgress });
      return entries.flatMap((one) =>
        one.workflowId !== null && errorType.includes(one.errorType ?? '') ? [one.workflowId] : [],
      );
    }
    const ids: string[] = [];
    for (const stream of streams) {
      for await (const { workflowId } of latestFailedRuns(client, stream, since)) {
        onProgress(ids.push(workflowId));
      }
    }
    return ids;
  } finally {
    progress('');
  }
}

/**
 * Keeps for the letters of the failed runs that their records were replayed, and who did it. Called for all runs before the
 * wait for their ends, and then again with the ends.
 */
async function keepRuns({ kafka }: OperationContext, results: Result[]): Promise<void> {
  const byStream = new Map<AnyStream, RunAgainEntry[]>();
  const [at, by] = [new Date().toISOString(), operator()];
  for (const { workflowId, outcome, detail: newRunId, failed, ended } of results) {
    if (outcome !== 'replayed' || !failed) continue;
    const { stream, runId } = failed;
    const end = ended && { ended: ended.end };
    const entry = { kind: 'runAgain', workflowId, runId, newRunId, at, by, ...end } as const;
    const entries = byStream.get(stream);
    if (entries) entries.push(entry);
    else byStream.set(stream, [entry]);
  }
  for (const [stream, entries] of byStream) {
    const count = entries.length === 1 ? '1 workflow' : `${entries.length} workflows`;
    try {
      const write = () => writeStates(kafka, stream, entries);
      if (entries.some(({ ended }) => ended)) await write();
      else {
        const what = { action: 'runAgain', subject: count, reason: null } as const;
        await audited(commandActor(kafka, stream), what, write);
      }
    } catch (error) {
      say(`the dead letters of ${count} stay open in lists: ${errorMessage(error)}`);
    }
  }
}

interface Result extends ReplayResult {
  /** Present with `--wait`. */
  ended?: Ended | undefined;
}

/** Replays the workflows. Ctrl-C ends the wait for their ends, not the workflows that were started. */
async function replayAll(
  context: OperationContext,
  ids: string[],
  { dryRun = false, wait = false }: Flags,
): Promise<Result[]> {
  const { temporal, streams } = context;
  const { client } = temporal;
  const progress = progressLine();
  const stop = new AbortController();
  const { signal } = stop;
  setMaxListeners(0, signal);
  const onSignal = () => stop.abort();
  const each = async (text: string, replayOne: (of: number) => Promise<Result>) => {
    const done: Result[] = [];
    const numbers = ids.map((_, number) => number);
    for await (const result of mapConcurrently(numbers, CONCURRENCY, replayOne)) {
      done.push(result);
      progress(`${done.length} of ${ids.length}${text}`);
    }
    return done;
  };
  try {
    const started = await each('', (of) => replayFailed(client, streams, ids[of]!, { dryRun }));
    progress('');
    if (dryRun) return started;
    await keepRuns(context, started);
    if (!wait) return started;
    process.once('SIGINT', onSignal);
    const ended = await each(' have ended', async (of) => {
      const result = started[of]!;
      if (result.outcome !== 'replayed') return result;
      return { ...result, ended: await endOfRun({ client, signal }, ids[of]!, result.detail) };
    });
    progress('');
    await keepRuns(
      context,
      ended.filter((result) => result.ended),
    );
    return ended;
  } finally {
    progress('');
    process.off('SIGINT', onSignal);
  }
}

function report(results: Result[], { dryRun, wait, json }: Flags): void {
  const counts = { replayed: 0, refused: 0, failed: 0 };
  for (const { workflowId, outcome, detail, ended } of results) {
    counts[outcome]++;
    if (outcome !== 'replayed')
      say(`${outcome}: ${printable(workflowId)}: ${printable(oneLine(detail))}`);
    else if (ended?.end === 'deadAgain') {
      say(`dead again: ${printable(workflowId)}: ${printable(oneLine(ended.reason ?? ''))}`);
    }
  }
  if (counts.failed > 0) process.exitCode = 1;
  const notReplayed = results.flatMap(({ workflowId, outcome, detail }) =>
    outcome === 'replayed' ? [] : [{ workflowId, outcome, reason: detail }],
  );
  if (!dryRun) {
    const ended = (end: string) => results.filter((one) => one.ended?.end === end).length;
    const [delivered, deadAgain] = [ended('delivered'), ended('deadAgain')];
    if (json) {
      return printJson({ ...counts, ...(wait && { delivered, deadAgain }), notReplayed });
    }
    const { replayed, refused, failed } = counts;
    const ends = wait ? `, ${delivered} delivered, ${deadAgain} dead again` : '';
    say(`${replayed} replayed, ${refused} refused, ${failed} failed${ends}`);
    if (replayed > 0 && !wait) {
      say(
        'A replayed workflow runs again. To see whether it delivers, use --wait, or "cloudsync failed list" later',
      );
    }
    return;
  }
  const wouldReplay = results
    .filter(({ outcome }) => outcome === 'replayed')
    .map(({ workflowId }) => workflowId);
  if (json) return printJson({ ...counts, replayed: 0, wouldReplay, notReplayed });
  for (const workflowId of wouldReplay) process.stdout.write(`${printable(workflowId)}\n`);
  say(`${wouldReplay.length} would run again, ${counts.refused} would not`);
}
