import type { JSX } from 'preact';
import type { ListedLetter } from '../../operations/dead-letters/dead-letters-list';
import type { PageContext } from './context';
import { cut, errorText, Table, Time, type Column } from './parts';

/** The filters by which letters were listed, as far as actions take them. */
export interface LetterFilters {
  stream?: string | undefined;
  type?: string[] | undefined;
  group?: string | undefined;
  since?: string | undefined;
  q?: string | undefined;
  status?: string | undefined;
}

/** A list of letters. If they are of one stream, letters can be chosen by hand and replayed or discarded. */
export function Letters({
  letters,
  filters,
  page,
}: {
  letters: ListedLetter[];
  filters: LetterFilters;
  page: PageContext;
}): JSX.Element {
  const stream = filters.stream ?? (page.streams.length === 1 ? page.streams[0] : undefined);
  if (page.readOnly) return <List letters={letters} page={page} columns={[]} />;
  if (stream === undefined) {
    return (
      <>
        <p class="quiet">Choose a stream above to replay or discard several letters at once.</p>
        <List letters={letters} page={page} columns={[]} />
      </>
    );
  }
  const { links } = page;
  const { type, group, since, q, status = 'unsettled' } = filters;
  if (SETTLED.includes(status)) return <List letters={letters} page={page} columns={[]} />;
  return (
    <form method="get" action={links.act(stream, 'replay')} class="list">
      <input type="hidden" name="place" value="" />
      <p class="acts">
        {status === 'discarded' ? (
          <button type="submit" formAction={links.act(stream, 'reopen')}>
            Open the chosen ones again
          </button>
        ) : (
          <>
            <button type="submit">Replay the chosen ones</button>{' '}
            <button type="submit" formAction={links.act(stream, 'discard')}>
              Discard the chosen ones
            </button>
          </>
        )}
        {status === 'unsettled' && (
          <>
            <a href={links.act(stream, 'replay', { type, group, since, q })}>
              Replay all that match
            </a>{' '}
            <a href={links.act(stream, 'discard', { type, group, since, q })}>
              Discard all that match
            </a>
          </>
        )}
      </p>
      <List letters={letters} page={page} columns={[CHOICE]} />
    </form>
  );
}

/** Statuses of letters about which nothing is to be done. */
const SETTLED = ['replayed', 'delivered', 'superseded'];

const CHOICE: Column<ListedLetter> = {
  head: 'Choose',
  cell: ({ deadLetter: { partition, offset } }) => (
    <input
      type="checkbox"
      name="place"
      value={`${partition}:${offset}`}
      aria-label={`Letter ${partition}:${offset}`}
    />
  ),
};

function List({
  letters,
  page: { links },
  columns,
}: {
  letters: ListedLetter[];
  page: PageContext;
  columns: Column<ListedLetter>[];
}) {
  return (
    <Table
      caption="Dead letters, newest first"
      rows={letters}
      columns={[
        ...columns,
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
