import type { Command } from 'commander';
import { UsageError } from '../../../domain/errors';
import {
  listDeadLetters,
  type ListedLetter,
} from '../../../operations/dead-letters/dead-letters-list';
import { discard as discardAction, reopen } from '../../../operations/actions/actions';
import { UNSETTLED } from '../../../operations/dead-letters/letter-states';
import { requireTopics } from '../../../operations/topics';
import { commandActor } from '../../options/actor';
import { confirmed, requireTerminal } from '../../options/confirm';
import { commandContext, commandKafka, type StreamFlags } from '../../options/context';
import { entryTable } from '../../output/failed-output';
import { printJson, progressLine, say } from '../../output/output';
import { withStreamOptions } from '../../options/stream-options';
import { filtersOf, withFilterOptions, type FilterFlags } from './filter-options';
import { positiveInteger } from '../topics';

interface Flags extends StreamFlags, FilterFlags {
  reason?: string;
  undo?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function addDlqDiscardCommand(dlq: Command): void {
  const command = withStreamOptions(dlq.command('discard'), 'the stream (required)')
    .description('close dead letters whose records shall not be delivered; needs no Temporal')
    .argument(
      '[letter...]',
      'partition:offset on the dead-letter topic (default: all open ones that the filters leave)',
    );
  withFilterOptions(command)
    .option('--limit <n>', 'at most this many, the newest', positiveInteger)
    .option('--reason <text>', 'why (required, except with --undo); kept with who discarded them')
    .option('--undo', 'open discarded letters again')
    .option('--dry-run', 'show which')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(discard);
}

async function discard(places: string[], flags: Flags): Promise<void> {
  const { undo = false, dryRun = false, yes = false, json, reason } = flags;
  if (flags.stream?.length !== 1) throw new UsageError('name one stream with --stream');
  const filters = filtersOf(places, flags);
  if (reason === undefined && !undo && !dryRun) {
    throw new UsageError('say why with --reason: whoever looks for the record later wants to know');
  }
  const ask = !dryRun && !yes;
  if (ask) requireTerminal();
  const { settings, streams } = await commandContext(flags);
  const stream = streams[0]!;
  const kafka = commandKafka(settings);
  await requireTopics(kafka, [stream.deadLetterTopic]);
  const progress = progressLine();
  const { errorType, id, group, text, since, until } = flags;
  const found = await listDeadLetters(kafka, [stream], {
    ...{ statuses: undo ? ['discarded'] : UNSETTLED, errorTypes: errorType, messageIds: id },
    ...{ groups: group, text, since, until },
    onProgress: (read) => progress(`${read} dead letters read`),
  }).finally(() => progress(''));
  // Streams may share the topic.
  const own = found.filter((letter) => letter.stream === stream.name);
  const letters = chosen(own, filters.places, undo).slice(0, filters.limit);
  const done = undo ? 'opened again' : 'discarded';
  if (dryRun) return report(stream.name, letters, `would be ${done}`, json);
  const question = `${undo ? 'Open' : 'Discard'} ${letters.length} dead letters${undo ? ' again' : ''}?`;
  if (ask && letters.length > 0 && !(await confirmed(question))) throw new Error('nothing changed');
  if (letters.length > 0) {
    const actor = commandActor(kafka, stream);
    if (undo) await reopen(actor, letters, reason ?? null);
    else await discardAction(actor, letters, reason!);
  }
  report(stream.name, letters, done, json);
}

const placeOf = ({ deadLetter }: ListedLetter) => `${deadLetter.partition}:${deadLetter.offset}`;

/** Throws a {@link UsageError} that names each place at which there is no such letter. */
function chosen(
  found: ListedLetter[],
  places: string[] | undefined,
  undo: boolean,
): ListedLetter[] {
  if (places === undefined) return found;
  const missing = places.filter((place) => !found.some((letter) => placeOf(letter) === place));
  if (missing.length > 0) {
    const which = undo ? 'discarded' : 'open';
    throw new UsageError(
      `there is no ${which} dead letter ${missing.join(', ')}: "cloudsync dlq list --status all" shows all`,
    );
  }
  return found.filter((letter) => places.includes(placeOf(letter)));
}

function report(stream: string, letters: ListedLetter[], done: string, json?: boolean): void {
  if (json) return printJson({ stream, outcome: done, letters });
  if (letters.length > 0) {
    process.stdout.write(`${entryTable(letters, { header: 'LETTER', of: placeOf })}\n`);
  }
  say(`${letters.length} ${done}`);
}
