import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Kafka } from '../../../kafka/kafka';
import { UsageError } from '../../../domain/errors';
import type { AnyStream } from '../../../domain/stream/stream';
import { listDeadLetters } from '../../../operations/dead-letters/dead-letters-list';
import {
  showDeadLetterAt,
  showDeadLetterOf,
  type DeadLetterDetails,
} from '../../../operations/dead-letters/dead-letters-show';
import {
  LETTER_STATUSES,
  UNSETTLED,
  type LetterStatus,
} from '../../../operations/dead-letters/letter-states';
import { requireTopics } from '../../../operations/topics';
import { addDlqGiveUpCommand } from './give-up';
import { addDlqGroupsCommand } from './groups';
import { addDlqDiscardCommand } from './discard';
import { withFilterOptions, type FilterFlags } from './filter-options';
import { heldIfKnown } from './held';
import { addDlqReplayCommand } from './replay';
import { addDlqReplaysCommand } from './replays';
import type { Settings } from '../../../settings/config';
import { commandContext, commandKafka, type StreamFlags } from '../../options/context';
import { entryFacts, entryTable, facts, position, recordFacts } from '../../output/failed-output';
import { printJson, progressLine, say } from '../../output/output';
import { withStreamOptions } from '../../options/stream-options';
import { positiveInteger } from '../topics';

interface Flags extends StreamFlags {
  json?: boolean;
}

interface ListFlags extends Flags, FilterFlags {
  status?: (LetterStatus | 'all')[];
}

const STATUSES = [...LETTER_STATUSES, 'all'] as const;

export function addDlqCommand(program: Command): void {
  const dlq = program.command('dlq').description('dead letters');
  const listing = withStreamOptions(dlq.command('list'))
    .description('list dead letters, newest first: those that nobody has settled by default')
    .addOption(
      new Option('--status <status>', 'what became of the record (repeatable; default: open, held)')
        .choices(STATUSES)
        .argParser(repeatableChoice),
    );
  withFilterOptions(listing)
    .option('--limit <n>', 'at most this many, the newest', positiveInteger)
    .option('--json', 'print one JSON document')
    .action(list);
  withStreamOptions(dlq.command('show'))
    .description(
      'show one dead letter: its record as it was, its error, its workflow; needs no Temporal',
    )
    .argument('<id>', 'workflow id; or, with --stream, partition:offset on the dead-letter topic')
    .option('--json', 'print one JSON document')
    .action(show);
  addDlqGroupsCommand(dlq);
  addDlqReplayCommand(dlq);
  addDlqReplaysCommand(dlq);
  addDlqDiscardCommand(dlq);
  addDlqGiveUpCommand(dlq);
}

function repeatableChoice(value: string, before: string[] = []): string[] {
  if (!(STATUSES as readonly string[]).includes(value)) {
    throw new InvalidArgumentError(`Allowed choices are ${STATUSES.join(', ')}.`);
  }
  return [...before, value];
}

async function list({ json, ...flags }: ListFlags): Promise<void> {
  const { status = UNSETTLED, errorType, id, group, since, until, text, limit } = flags;
  const statuses = status.flatMap((one) => (one === 'all' ? LETTER_STATUSES : [one]));
  const { kafka, settings, streams } = await deadLetterTopics(flags);
  const isHeld = await heldIfKnown(settings, streams);
  const progress = progressLine();
  const onProgress = (read: number) => progress(`${read} dead letters read`);
  const filters = {
    statuses,
    errorTypes: errorType,
    messageIds: id,
    groups: group,
    since,
    until,
    text,
  };
  const options = { ...filters, limit, onProgress, isHeld };
  const entries = await listDeadLetters(kafka, streams, options).finally(() => progress(''));
  if (json) return printJson(entries);
  if (entries.length === 0) {
    const which = flags.status === undefined ? 'open' : status.join(', ');
    return say(`no ${which} dead letters; "--status all" shows all that are on the topics`);
  }
  const place = {
    header: 'LETTER',
    of: ({ deadLetter }: (typeof entries)[number]) =>
      `${deadLetter.partition}:${deadLetter.offset}`,
  };
  process.stdout.write(`${entryTable(entries, place)}\n`);
}

async function show(id: string, { json, ...flags }: Flags): Promise<void> {
  const { kafka, streams } = await deadLetterTopics(flags);
  const letter = await find(kafka, streams, id);
  if (!letter) throw new Error(`there is no dead letter ${JSON.stringify(id)}`);
  if (json) return printJson(letter);
  process.stdout.write(`${describe(letter)}\n`);
}

async function find(kafka: Kafka, streams: AnyStream[], id: string) {
  const place = /^(\d{1,9}):(\d{1,15})$/.exec(id);
  if (!place) return showDeadLetterOf(kafka, streams, id);
  const [stream, ...others] = streams;
  if (!stream || others.length > 0) {
    throw new UsageError('with partition:offset, name one stream with --stream');
  }
  const [partition, offset] = [Number(place[1]), Number(place[2])];
  return showDeadLetterAt(kafka, stream, { partition, offset });
}

/** Uses Kafka alone, so that dead letters can be read while Temporal is down. */
async function deadLetterTopics(
  flags: StreamFlags,
): Promise<{ kafka: Kafka; settings: Settings; streams: AnyStream[] }> {
  const { settings, streams } = await commandContext(flags);
  const kafka = commandKafka(settings);
  await requireTopics(kafka, [...new Set(streams.map(({ deadLetterTopic }) => deadLetterTopic))]);
  return { kafka, settings, streams };
}

function describe(letter: DeadLetterDetails): string {
  return [
    facts([
      ...entryFacts(letter),
      ['replays', letter.replays],
      ['dead letter', position(letter.deadLetter)],
    ]),
    facts(recordFacts(letter.record)),
  ].join('\n\n');
}
