import type { Command } from 'commander';
import { UsageError } from '../../../domain/errors';
import { describePosition } from '../../../domain/record/record';
import { giveUp as giveUpAction } from '../../../operations/actions/actions';
import { keyHeldBy } from '../../../operations/give-up';
import { commandActor } from '../../options/actor';
import { confirmed, requireTerminal } from '../../options/confirm';
import { withServers, type StreamFlags } from '../../options/context';
import { printJson, say } from '../../output/output';
import { parsePlace } from '../../options/place';
import { withStreamOptions } from '../../options/stream-options';

interface Flags extends StreamFlags {
  record: string;
  reason?: string;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function addDlqGiveUpCommand(dlq: Command): void {
  withStreamOptions(dlq.command('give-up'), 'the stream (required)')
    .description('let a held key continue without its first dead record, which stays a dead letter')
    .requiredOption('--record <topic/partition@offset>', 'the record, as HeldByKey names it')
    .option('--reason <text>', "kept in the workflow's history, with who gave it up")
    .option('--dry-run', 'show whether a key is held by the record')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(giveUp);
}

async function giveUp({ reason, dryRun = false, yes = false, json = false, ...flags }: Flags) {
  if (flags.stream?.length !== 1) throw new UsageError('name one stream with --stream');
  const record = parsePlace(flags.record);
  const ask = !dryRun && !yes;
  if (ask) requireTerminal();
  await withServers(flags, async ({ kafka, temporal: { client }, streams: [stream] }) => {
    const place = describePosition(record);
    const { name } = stream!;
    await keyHeldBy(client, stream!, record);
    if (dryRun) {
      if (json) return printJson({ stream: name, wouldGiveUp: record });
      return say(`the key of ${place} is held by it`);
    }
    const question = `Give up ${place}, so that what comes behind it in its key can be delivered?`;
    if (ask && !(await confirmed(question))) throw new Error('nothing given up');
    const actor = commandActor(kafka, stream!);
    const next = await giveUpAction(actor, client, record, reason ?? null);
    if (json) return printJson({ stream: name, givenUp: record, next });
    say(next ? `its key waits for ${describePosition(next)} now` : 'its key is no longer held');
  });
}
