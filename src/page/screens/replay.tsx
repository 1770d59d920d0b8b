import { z } from 'zod';
import type { ReplayOutcome } from '../../domain/stream/replay';
import { showReplay, type ShownReplay } from '../data/replay-details';
import type { PageContext } from '../views/context';
import { describeFilters } from '../views/filters';
import { Choice, cut, Empty, Facts, Notices, Pages, Table, Time } from '../views/parts';
import { cursorParameter, defineScreen, one } from './screen';

const PAGE_SIZE = 100;
const OUTCOMES = ['replayed', 'sentBack', 'refused', 'failed'] as const satisfies ReplayOutcome[];

const input = z.object({
  id: z.string().max(200),
  outcome: one.pipe(z.enum(OUTCOMES).optional()),
  cursor: cursorParameter,
});
type Input = z.output<typeof input>;

/** One replay: how far it has come, and what it did with each letter. */
export const replay = defineScreen<Input, ShownReplay>({
  path: '/replays/:id',
  refreshes: ({ replay: { state } }) => state === 'running' || state === 'waiting',
  input,
  title: ({ id }) => `Replay ${id}`,
  load: (data, { id, ...options }) => showReplay(data, id, { ...options, limit: PAGE_SIZE }),
  view(shown, page, { id, outcome, cursor }) {
    const { replay, outcomes, next, notices } = shown;
    const { links } = page;
    return (
      <>
        <Notices notices={notices} />
        <Progress shown={shown} page={page} />
        <section aria-labelledby="letters">
          <h2 id="letters">Letters</h2>
          <form method="get" action={page.links.replay(id)} role="search">
            <Choice
              label="Outcome"
              name="outcome"
              value={outcome}
              choices={[['', 'all'], ...OUTCOMES.map((one): [string, string] => [one, one])]}
            />
            <button type="submit">Filter</button>
          </form>
          {outcomes.length > 0 ? (
            <Outcomes shown={shown} page={page} />
          ) : (
            <Empty>
              {next !== null
                ? 'None of the entries that were read is of this replay. The next page reads on.'
                : replay.state === 'waiting' || replay.state === 'running'
                  ? 'No letter has had its turn yet.'
                  : 'The replay has done nothing with such letters.'}
            </Empty>
          )}
          <Pages
            to={(at) => links.replay(id, { outcome, cursor: at })}
            cursor={cursor}
            next={next}
          />
        </section>
      </>
    );
  },
});

function Progress({
  shown: { replay, perSecond },
  page,
}: {
  shown: ShownReplay;
  page: PageContext;
}) {
  const { stream, by, at, state, endedAt, filters, progress, counts, replay: id } = replay;
  const total = progress?.total ?? null;
  return (
    <>
      {progress && total !== null && total > 0 && (
        <p>
          <progress value={progress.done} max={total} aria-label="Letters that had their turn" />{' '}
          {progress.done} of {total} letters
          {perSecond !== null && `, ${perSecond.toFixed(1)} a second`}
        </p>
      )}
      <Facts
        facts={[
          ['state', progress && total === null ? `${state}: ${progress.text}` : state],
          ['stream', <a href={page.links.stream(stream)}>{stream}</a>],
          ['asked for by', cut(by)],
          ['at', <Time at={at} />],
          ['ended', endedAt && <Time at={endedAt} />],
          ['letters', filters && describeFilters(filters)],
          ...COUNTS.map(([name, text]): [string, number | null] => [text, counts[name] ?? null]),
        ]}
      />
      {!page.readOnly && (state === 'running' || state === 'waiting') && (
        <p>
          <a class="button" href={`${page.links.replay(id)}/stop`}>
            Stop the replay
          </a>
        </p>
      )}
      {!page.readOnly && state === 'stopped' && (
        <p>
          <a class="button" href={`${page.links.replay(id)}/resume`}>
            Resume the replay
          </a>
        </p>
      )}
    </>
  );
}

/** Ends count also for letters that were refused because their records had ended before. */
const COUNTS: [name: string, text: string][] = [
  ['replayed', 'workflows run again'],
  ['sentBack', 'records sent back'],
  ['refused', 'letters refused'],
  ['failed', 'letters failed'],
  ['superseded', 'letters replaced by later ones'],
  ['delivered', 'records known to be delivered'],
  ['deadAgain', 'records known to be dead again'],
];

function Outcomes({
  shown: {
    replay: { stream },
    outcomes,
  },
  page,
}: {
  shown: ShownReplay;
  page: PageContext;
}) {
  return (
    <Table
      caption="What the replay did with each letter, the last one first"
      rows={outcomes}
      columns={[
        {
          head: 'Letter',
          cell: ({ letter }) => <Letter letter={letter} stream={stream} page={page} />,
        },
        { head: 'When', cell: ({ at }) => <Time at={at} /> },
        { head: 'Outcome', cell: ({ outcome }) => outcome },
        { head: 'End of the record', cell: ({ end, outcome }) => end ?? endOf(outcome) },
        { head: 'Why', cell: ({ reason }) => cut(reason ?? '', 500) },
      ]}
    />
  );
}

/** What is known of the end of a record that nobody has waited for. */
function endOf(outcome: ReplayOutcome): string {
  return outcome === 'replayed' || outcome === 'sentBack' ? 'not waited for' : '';
}

/** A letter by its position, as a link to its screen. */
function Letter({ letter, stream, page }: { letter: string; stream: string; page: PageContext }) {
  const [, partition, offset] = /\/(\d{1,9})@(\d{1,15})$/.exec(letter) ?? [];
  if (partition === undefined) return <>{cut(letter)}</>;
  const place = { partition: Number(partition), offset: Number(offset) };
  return <a href={page.links.deadLetter(stream, place)}>{`${partition}:${offset}`}</a>;
}
