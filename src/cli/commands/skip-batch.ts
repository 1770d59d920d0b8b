import type { Command } from 'commander';
import { UsageError } from '../../domain/errors';
import { describePosition } from '../../domain/record/record';
import { audited } from '../../operations/actions/audited';
import { skipBatch, unreadableAt } from '../../operations/skip-batch';
import { commandActor } from '../options/actor';
import { confirmed, requireTerminal } from '../options/confirm';
import { withServers, type StreamFlags } from '../options/context';
import { printJson, say } from '../output/output';
import { parsePlace } from '../options/place';
import { withStreamOptions } from '../options/stream-options';

interface Flags extends StreamFlags {
  at: string;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function addSkipBatchCommand(program: Command): void {
  withStreamOptions(program.command('skip-batch'), 'the stream (required)')
    .description('dead-letter a batch that can not be read, so that its partition goes on')
    .requiredOption('--at <topic/partition@offset>', 'the offset at which the partition is stalled')
    .option('--dry-run', 'show why the batch can not be read')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(skip);
}

async function skip({ dryRun = false, yes = false, json = false, ...flags }: Flags) {
  if (flags.stream?.length !== 1) throw new UsageError('name one stream with --stream');
  const place = parsePlace(flags.at);
  const ask = !dryRun && !yes;
  if (ask) requireTerminal();
  await withServers(flags, async ({ kafka, temporal: { client }, streams: [stream] }) => {
    if (place.topic !== stream!.topic) {
      throw new UsageError(`stream ${stream!.name} reads ${stream!.topic}, not ${place.topic}`);
    }
    const at = describePosition(place);
    const { unreadable: cause, value } = await unreadableAt(kafka, place);
    const bytes = value!.length;
    if (dryRun) {
      if (json) return printJson({ stream: stream!.name, wouldSkip: place, cause, bytes });
      return say(`the batch of ${bytes} bytes at ${at} can not be read: ${cause}`);
    }
    const question = `The batch of ${bytes} bytes at ${at} can not be read: ${cause}. None of its records will be delivered. Dead-letter its bytes and go on?`;
    if (ask && !(await confirmed(question))) throw new Error('nothing skipped');
    const { workflowId, existed } = await audited(
      commandActor(kafka, stream!),
      { action: 'skipBatch', subject: at, reason: null },
      () => skipBatch(kafka, client, stream!, place),
    );
    if (json) {
      return printJson({
        stream: stream!.name,
        skipped: place,
        cause,
        bytes,
        workflowId,
        existed,
      });
    }
    say(
      existed
        ? `it was skipped before: ${workflowId} dead-letters it`
        : `${workflowId} dead-letters it; the partition goes on within half a minute`,
    );
  });
}
