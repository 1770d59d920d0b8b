import { z } from 'zod';
import { discard as discardAction, reopen as reopenAction } from '../../operations/actions/actions';
import {
  listDeadLetters,
  matches,
  type LetterFilters,
  type ListedLetter,
} from '../../operations/dead-letters/dead-letters-list';
import type { ComponentChildren } from 'preact';
import { runningReplay } from '../../operations/replay/replay-start';
import { ProblemError } from '../../http/problem';
import type { AnyStream } from '../../domain/stream/stream';
import { listLetters } from '../data/letter-list';
import { UNSETTLED } from '../../operations/dead-letters/letter-states';
import { groupNamesOf } from '../data/groups';
import type { Links } from '../links';
import type { PageData } from '../data/page-data';
import { Ask, CountInput, ReasonInput } from '../views/ask';
import type { PageContext } from '../views/context';
import { describeFilters } from '../views/filters';
import { cut, Empty, errorText, Table } from '../views/parts';
import { countField, defineAction, reasonField, requireCount, streamOf } from './action';
import { chosenInput, filtersOf, requireSome, type ChosenInput } from './chosen-letters';

/** The most characters of why a letter is discarded. */
const MAX_REASON = 500;

/** Closes letters whose records shall not be delivered. */
export const discard = defineAction({
  path: '/streams/:name/discard',
  action: 'discard',
  input: chosenInput,
  title: ({ name }) => `Discard dead letters of ${name}?`,
  load: (data, input) => load(data, input, false),
  view: (model, page, input) => (
    <Question {...model} page={page} input={input} verb="Discard">
      <p>
        Their records are then not delivered: no replay takes them. The letters stay on the topic,
        and can be opened again.
      </p>
      <ReasonInput isRequired />
    </Question>
  ),
  form: z.strictObject({
    reason: z
      .string()
      .trim()
      .min(1, 'Say why: whoever looks for the record later wants to know.')
      .max(MAX_REASON),
    count: countField.optional(),
  }),
  async run({ data, links, actorOf }, input, { reason, count }) {
    const stream = streamOf(data, input.name);
    const letters = await confirmed(data, input, { undo: false, count });
    await refuseDuringReplay(data, stream);
    await discardAction(actorOf(stream), letters, reason);
    return done(links, input, letters, 'discarded');
  },
});

/** Takes back that letters were discarded. */
export const reopen = defineAction({
  path: '/streams/:name/reopen',
  action: 'discard',
  input: chosenInput,
  title: ({ name }) => `Open discarded letters of ${name} again?`,
  load: (data, input) => load(data, input, true),
  view: (model, page, input) => (
    <Question {...model} page={page} input={input} verb="Open">
      <p>Replays take them again.</p>
      <ReasonInput />
    </Question>
  ),
  form: z.strictObject({ reason: reasonField(MAX_REASON), count: countField.optional() }),
  async run({ data, links, actorOf }, input, { reason, count }) {
    const stream = streamOf(data, input.name);
    const letters = await confirmed(data, input, { undo: true, count });
    await reopenAction(actorOf(stream), letters, reason);
    return done(links, input, letters, 'opened again');
  },
});

const SHOWN = 20;
/** The most letters of one question. A person can't mean more without a look at them. */
const MAX_LETTERS = 1_000;

/** A replay has read at its begin what is discarded, so it would send the letters all the same. */
async function refuseDuringReplay(data: PageData, stream: AnyStream): Promise<void> {
  const running = await data.askNow((client) => runningReplay(client, stream));
  if (!running) return;
  throw new ProblemError(
    409,
    `Replay ${running.replay} runs, and may be sending these letters. Nothing was done: stop it or wait for its end.`,
  );
}

async function load(data: PageData, input: ChosenInput, undo: boolean) {
  if (!data.stream(input.name)) return undefined;
  const letters = await chosen(data, input, undo);
  const { index } = await data.letters(streamOf(data, input.name));
  const groupNames = groupNamesOf(index, input.group);
  return { letters: letters.slice(0, SHOWN), count: letters.length, groupNames, notices: [] };
}

/** The letters that the address means. All of them are read, because people decide about each. */
async function chosen(data: PageData, input: ChosenInput, undo: boolean): Promise<ListedLetter[]> {
  const stream = streamOf(data, input.name);
  const { places, since, errorTypes, groups, text } = filtersOf(input);
  const filters = {
    ...{ statuses: undo ? (['discarded'] as const) : UNSETTLED, errorTypes, groups, text },
    since: since === undefined ? undefined : new Date(since),
  };
  const letters =
    places === undefined
      ? await matching(data, stream, filters)
      : (await data.lettersAt(stream, places)).filter((letter) => matches(letter, filters));
  if (letters.length <= MAX_LETTERS) return letters;
  throw new ProblemError(
    400,
    `More than ${MAX_LETTERS} letters match. Narrow them by type, group or time, or use "cloudsync dlq discard --stream ${stream.name}" with these filters.`,
  );
}

/** The letters that the address means, if the person has typed how many they are. One needs no number. */
async function confirmed(
  data: PageData,
  input: ChosenInput,
  { undo, count }: { undo: boolean; count: number | undefined },
): Promise<ListedLetter[]> {
  const letters = await chosen(data, input, undo);
  requireSome(letters.length, undo ? 'open again' : 'discard');
  const what = undo ? 'opened again' : 'discarded';
  if (letters.length > 1) requireCount(count, letters.length, `letters would be ${what}`);
  return letters;
}

/** By the index, unless a text is sought, which only the letters themselves have. */
async function matching(
  data: PageData,
  stream: AnyStream,
  { since, text, statuses, errorTypes, groups }: LetterFilters,
): Promise<ListedLetter[]> {
  const limit = MAX_LETTERS + 1;
  const { index, isComplete } = await data.letters(stream);
  if (text === undefined && isComplete) {
    const chosen = { statuses, errorTypes, groups, since: since?.getTime() };
    const { letters } = await listLetters(data.letterReader, [{ stream, index }], chosen, {
      limit,
    });
    return letters;
  }
  const all = await listDeadLetters(data.kafka, [stream], {
    ...{ statuses, errorTypes, groups, since, text, limit },
  });
  // Streams may share the topic.
  return all.filter((letter) => letter.stream === stream.name);
}

function Question({
  letters,
  count,
  groupNames,
  page,
  input,
  verb,
  children,
}: {
  letters: ListedLetter[];
  count: number;
  groupNames: Record<string, string>;
  page: PageContext;
  input: ChosenInput;
  verb: 'Discard' | 'Open';
  children: ComponentChildren;
}) {
  const back = page.links.to('/dead-letters', { stream: input.name });
  if (count === 0) {
    return (
      <Empty>
        No such letter is {verb === 'Discard' ? 'open' : 'discarded'}.{' '}
        <a href={back}>Back to the dead letters</a>
      </Empty>
    );
  }
  const again = verb === 'Open' ? ' again' : '';
  const letterText = count === 1 ? 'the letter' : `${count} letters`;
  return (
    <>
      <p>Chosen: {describeFilters(filtersOf(input), groupNames)}.</p>
      <Table
        caption={count > letters.length ? `The first ${letters.length} of ${count}` : 'The letters'}
        rows={letters}
        columns={[
          {
            head: 'Letter',
            cell: ({ stream, deadLetter }) => (
              <a href={page.links.deadLetter(stream, deadLetter)}>
                {deadLetter.partition}:{deadLetter.offset}
              </a>
            ),
          },
          { head: 'Message', cell: ({ messageId, rawId }) => cut(messageId ?? rawId ?? '') },
          { head: 'Error', cell: (one) => errorText(one.errorType, one.errorMessage) },
        ]}
      />
      <Ask page={page} button={`${verb} ${letterText}${again}`} back={back}>
        {children}
        {count > 1 && (
          <CountInput
            count={count}
            what={`${count} letters are ${verb === 'Discard' ? 'discarded' : 'opened again'}`}
          />
        )}
      </Ask>
    </>
  );
}

function done(links: Links, { name }: ChosenInput, letters: ListedLetter[], what: string) {
  const [only, ...others] = letters;
  const count = letters.length;
  const result = { stream: name, outcome: what, count };
  return only && others.length === 0
    ? { text: `The letter is ${what}.`, to: links.deadLetter(name, only.deadLetter), result }
    : {
        text: `${count} letters are ${what}.`,
        to: links.to('/dead-letters', { stream: name }),
        result,
      };
}
