import { UsageError } from '../domain/errors';
import { CONCURRENCY, latestFailedRuns } from '../operations/failed-runs';
import { replayFailed, type ReplayResult } from '../operations/failed-replay';
import { mapConcurrently } from '../concurrently';
import { confirmed, requireTerminal } from './confirm';
import { withServers, type OperationContext, type StreamFlags } from './context';
import { printable } from '../unprintable';
import { printJson, progressLine, say } from './output';

interface Flags extends StreamFlags {
  since?: Date;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** `failed replay`. */
export async function replay(ids: string[], flags: Flags): Promise<void> {
  const { since, dryRun = false, yes = false, json = false } = flags;
  if (ids.length === 0 && !flags.stream) {
    throw new UsageError('name workflow ids, or a stream with --stream');
  }
  if (ids.length > 0 && since) throw new UsageError('--since goes with --stream, not with ids');
  const ask = !dryRun && !yes;
  if (ask) requireTerminal();

  await withServers(flags, async (context) => {
    const chosen = ids.length > 0 ? [...new Set(ids)] : await failedIds(context, since);
    const what = chosen.length === 1 ? '1 workflow' : `${chosen.length} workflows`;
    if (ask && chosen.length > 0 && !(await confirmed(`Run ${what} again?`))) {
      throw new Error('nothing replayed');
    }
    const results = await replayAll(context, chosen, dryRun);
    report(results, dryRun, json);
    // Of a whole stream some may have been replayed by others meanwhile; ids were asked for by name.
    if (ids.length > 0 && results.some(({ outcome }) => outcome === 'refused'))
      process.exitCode = 1;
  });
}

async function failedIds({ temporal, streams }: OperationContext, since?: Date): Promise<string[]> {
  const ids: string[] = [];
  const progress = progressLine();
  for (const stream of streams) {
    for await (const { workflowId } of latestFailedRuns(temporal.client, stream, since)) {
      ids.push(workflowId);
      progress(`${ids.length} found`);
    }
  }
  progress('');
  return ids;
}

async function replayAll(
  { temporal, streams }: OperationContext,
  ids: string[],
  dryRun: boolean,
): Promise<ReplayResult[]> {
  const results: ReplayResult[] = [];
  const progress = progressLine();
  for await (const result of mapConcurrently(ids, CONCURRENCY, (id) =>
    replayFailed(temporal.client, streams, id, { dryRun }),
  )) {
    results.push(result);
    progress(`${results.length} of ${ids.length}`);
  }
  progress('');
  return results;
}

function report(results: ReplayResult[], dryRun: boolean, json: boolean): void {
  const counts = { replayed: 0, refused: 0, failed: 0 };
  for (const { workflowId, outcome, detail } of results) {
    counts[outcome]++;
    if (outcome === 'refused') {
      say(`refused: ${printable(workflowId)}: its latest run is ${printable(detail)}`);
    } else if (outcome === 'failed') {
      say(`failed: ${printable(workflowId)}: ${printable(detail)}`);
    }
  }
  if (counts.failed > 0) process.exitCode = 1;
  if (!dryRun) {
    if (json) printJson(counts);
    else say(`${counts.replayed} replayed, ${counts.refused} refused, ${counts.failed} failed`);
    return;
  }
  const wouldReplay = results
    .filter(({ outcome }) => outcome === 'replayed')
    .map(({ workflowId }) => workflowId);
  if (json) return printJson({ ...counts, replayed: 0, wouldReplay });
  for (const workflowId of wouldReplay) process.stdout.write(`${printable(workflowId)}\n`);
  say(`${wouldReplay.length} would run again`);
}
