import { z } from 'zod';
import type { ListedLetter } from '../../operations/dead-letters/dead-letters-list';
import { LETTER_STATUSES } from '../../operations/dead-letters/letter-states';
import { parseSince } from '../../operations/runs/failed-since';
import { faultsOf } from '../data/answers';
import type { PageContext } from '../views/context';
import {
  Choice,
  cut,
  Empty,
  errorText,
  Notices,
  Pages,
  StreamChoice,
  Table,
  Time,
} from '../views/parts';
import { defineScreen, many, namesOf, one } from './screen';

const PAGE_SIZE = 50;
/** One second of reading, about. */
const MAX_READ = 20_000;

const input = z.object({
  stream: one,
  type: many,
  status: one.pipe(z.enum([...LETTER_STATUSES, 'all']).optional()),
  since: one,
  q: one,
  cursor: one,
});
type Filters = z.output<typeof input>;

/** The dead letters that match the filters, newest first. */
export const deadLetters = defineScreen({
  path: '/dead-letters',
  input,
  title: () => 'Dead letters',
  async load(data, { stream, type, status = 'open', since, q, cursor }) {
    const answer = await data.deadLetters({
      names: namesOf(data, stream),
      statuses: status === 'all' ? LETTER_STATUSES : [status],
      errorTypes: type,
      since: since === undefined ? undefined : parseSince(since, stepOf(new Date())),
      ...{ text: q, cursor, limit: PAGE_SIZE, maxRead: MAX_READ },
    });
    const { letters = [], next = null, read = 0 } = answer.value ?? {};
    return { letters, next, read, notices: faultsOf({ 'Dead letters': answer }) };
  },
  view({ letters, next, read, notices }, page, filters) {
    const { links } = page;
    const { cursor, ...others } = filters;
    return (
      <>
        <Notices notices={notices} />
        <FilterForm filters={filters} page={page} />
        {letters.length > 0 && <Letters letters={letters} page={page} />}
        {letters.length === 0 && notices.length === 0 && (
          <Nothing isEnd={next === null} read={read} filters={filters} page={page} />
        )}
        <Pages
          first={cursor === undefined ? undefined : links.to('/dead-letters', others)}
          next={next === null ? undefined : links.to('/dead-letters', { ...others, cursor: next })}
        />
      </>
    );
  },
});

/** Now, in steps. So a duration before now is the same question for a few seconds, and is asked once. */
function stepOf(now: Date): Date {
  const STEP_MS = 10_000;
  return new Date(Math.floor(now.getTime() / STEP_MS) * STEP_MS);
}

function FilterForm({ filters, page }: { filters: Filters; page: PageContext }) {
  const { stream, type, status = 'open', since, q } = filters;
  const statuses = [...LETTER_STATUSES, 'all'].map((one): [string, string] => [one, one]);
  return (
    <form method="get" action={page.links.to('/dead-letters')} role="search">
      <StreamChoice streams={page.streams} value={stream} />
      <Choice label="Status" name="status" value={status} choices={statuses} />
      <label>
        Error type
        <input name="type" value={type?.[0] ?? ''} />
      </label>
      <label>
        Since (2h, 7d or a time)
        <input name="since" value={since ?? ''} />
      </label>
      <label>
        Text in id, key or error
        <input name="q" type="search" value={q ?? ''} />
      </label>
      <button type="submit">Filter</button>
    </form>
  );
}

function Letters({ letters, page: { links } }: { letters: ListedLetter[]; page: PageContext }) {
  return (
    <Table
      caption="Dead letters, newest first"
      rows={letters}
      columns={[
        {
          head: 'Letter',
          cell: ({ stream, deadLetter }) => (
            <a href={links.deadLetter(stream, deadLetter)}>
              {stream} {deadLetter.partition}:{deadLetter.offset}
            </a>
          ),
        },
        { head: 'Failed', cell: ({ failedAt }) => <Time at={failedAt} /> },
        { head: 'Status', cell: ({ status }) => status },
        { head: 'Message', cell: ({ messageId, rawId }) => cut(messageId ?? rawId ?? '') },
        { head: 'Key', cell: ({ key }) => cut(key ?? '') },
        {
          head: 'Error',
          cell: ({ errorType, errorMessage }) => errorText(errorType, errorMessage),
        },
        { head: 'Attempts', cell: ({ attempts }) => attempts ?? '', isNumber: true },
      ]}
    />
  );
}

function Nothing({
  isEnd,
  read,
  filters,
  page,
}: {
  isEnd: boolean;
  read: number;
  filters: Filters;
  page: PageContext;
}) {
  if (!isEnd) {
    return <Empty>None of the last {read} letters matches. The next page searches on.</Empty>;
  }
  const { status = 'open', stream } = filters;
  const all = page.links.to('/dead-letters', { stream, status: 'all' });
  return (
    <Empty>
      No {status === 'all' ? '' : `${status} `}dead letters match.{' '}
      {status === 'all' ? (
        'A record becomes a dead letter when it fails for good.'
      ) : (
        <a href={all}>Show letters of every status</a>
      )}
    </Empty>
  );
}
