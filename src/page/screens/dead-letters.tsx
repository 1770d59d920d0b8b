import { z } from 'zod';
import type { ListedLetter } from '../../operations/dead-letters/dead-letters-list';
import { LETTER_STATUSES, UNSETTLED } from '../../operations/dead-letters/letter-states';
import { faultsOf } from '../data/answers';
import { groupsOf, type ShownGroup } from '../data/groups';
import { isIndexCursor, listLetters } from '../data/letter-list';
import type { PageData } from '../data/page-data';
import type { PageContext } from '../views/context';
import { Groups } from '../views/groups';
import { Letters } from '../views/letters';
import { Choice, Empty, Notices, Pages, StreamChoice } from '../views/parts';
import { cursorParameter, defineScreen, many, namesOf, one, sinceOf, type Shown } from './screen';

const PAGE_SIZE = 50;
/** Letters that a search by text reads for one page: less than a second. */
const MAX_READ = 8_000;

/** `unsettled`: open or held. */
const STATUS_CHOICES = ['unsettled', ...LETTER_STATUSES, 'all'] as const;

const input = z.object({
  stream: one,
  type: many,
  group: one,
  status: one.pipe(z.enum(STATUS_CHOICES).optional()),
  since: one,
  q: one,
  cursor: cursorParameter,
});
type Filters = z.output<typeof input>;

interface Model extends Shown {
  groups: ShownGroup[];
  letters: ListedLetter[];
  /** The cursor of the next page; null if no letter is left. */
  next: string | null;
  /** How many letters were read to search for a text; null if the index has answered. */
  read: number | null;
}

/** The dead letters that match the filters, newest first, and their groups by error. */
export const deadLetters = defineScreen<Filters, Model>({
  path: '/dead-letters',
  input,
  title: () => 'Dead letters',
  load,
  view({ groups, letters, next, read, notices }, page, filters) {
    const { links } = page;
    const { cursor, ...others } = filters;
    return (
      <>
        <Notices notices={notices} />
        <FilterForm filters={filters} page={page} />
        <Groups groups={groups} chosen={filters.group} filters={others} page={page} />
        {letters.length > 0 && <Letters letters={letters} filters={filters} page={page} />}
        {letters.length === 0 && notices.length === 0 && (
          <Nothing read={next === null ? null : read} filters={filters} page={page} />
        )}
        <Pages
          to={(at) => links.to('/dead-letters', { ...others, cursor: at })}
          cursor={cursor}
          next={next}
        />
      </>
    );
  },
});

async function load(data: PageData, filters: Filters): Promise<Model> {
  const { stream, type, group, status = 'unsettled', since, q, cursor } = filters;
  const names = namesOf(data, stream);
  const known = await Promise.all(
    data.streams
      .filter(({ name }) => names.includes(name))
      .map(async (one) => ({ stream: one, ...(await data.letters(one)) })),
  );
  const statuses = statusesOf(status);
  const groupIds = group === undefined ? undefined : [group];
  const from = since === undefined ? undefined : sinceOf(since);
  const notices = known.flatMap((one) => one.notices);
  const complete = known.filter(({ isComplete }) => isComplete);
  // Nobody knows by groups which letters contain a text.
  const groups = q === undefined ? groupsOf(complete, { type, since: from?.getTime() }) : [];
  const byIndex = q === undefined && (cursor === undefined || isIndexCursor(cursor));
  if (byIndex && known.every(({ isComplete }) => isComplete)) {
    const chosen = { statuses, errorTypes: type, groups: groupIds, since: from?.getTime() };
    const listed = await data.askKafka(['letters', names, chosen, cursor], () =>
      listLetters(data.letterReader, known, chosen, { limit: PAGE_SIZE, cursor }),
    );
    const { letters = [], next = null } = listed.value ?? {};
    const faults = faultsOf({ 'Dead letters': listed });
    return { groups, letters, next, read: null, notices: [...notices, ...faults] };
  }
  if (cursor !== undefined && isIndexCursor(cursor)) {
    return { groups, letters: [], next: null, read: null, notices };
  }
  const answer = await data.searchLetters({
    ...{ names, statuses, errorTypes: type, groups: groupIds, since: from },
    ...{ text: q, cursor, limit: PAGE_SIZE, maxRead: MAX_READ },
  });
  const { letters = [], next = null, read = 0 } = answer.value ?? {};
  return {
    ...{ groups, letters, next, read },
    notices: [...notices, ...faultsOf({ 'Dead letters': answer })],
  };
}

function statusesOf(status: (typeof STATUS_CHOICES)[number]) {
  if (status === 'all') return LETTER_STATUSES;
  return status === 'unsettled' ? UNSETTLED : [status];
}

function FilterForm({ filters, page }: { filters: Filters; page: PageContext }) {
  const { stream, type, group, status = 'unsettled', since, q } = filters;
  const statuses = STATUS_CHOICES.map((one): [string, string] => [
    one,
    one === 'unsettled' ? 'open or held' : one,
  ]);
  return (
    <form method="get" action={page.links.to('/dead-letters')} role="search">
      <StreamChoice streams={page.streams} value={stream} />
      <Choice label="Status" name="status" value={status} choices={statuses} />
      <label>
        Error type
        <input name="type" value={type?.[0] ?? ''} />
      </label>
      <label>
        Since (2h, 7d, or a time in UTC)
        <input name="since" value={since ?? ''} />
      </label>
      <label>
        Text in id, key or error
        <input name="q" type="search" value={q ?? ''} />
      </label>
      {group !== undefined && <input type="hidden" name="group" value={group} />}
      <button type="submit">Filter</button>
    </form>
  );
}

function Nothing({
  read,
  filters,
  page,
}: {
  /** Letters that were searched, if there are more; else null. */
  read: number | null;
  filters: Filters;
  page: PageContext;
}) {
  if (read !== null) {
    return <Empty>None of the last {read} letters matches. The next page searches on.</Empty>;
  }
  const { status = 'unsettled', stream } = filters;
  const all = page.links.to('/dead-letters', { stream, status: 'all' });
  return (
    <Empty>
      No {status === 'all' ? '' : `${status === 'unsettled' ? 'open' : status} `}dead letters match.{' '}
      {status === 'all' ? (
        'A record becomes a dead letter when it fails for good.'
      ) : (
        <a href={all}>Show letters of every status</a>
      )}
    </Empty>
  );
}
