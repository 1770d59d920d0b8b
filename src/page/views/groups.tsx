import type { ShownGroup } from '../data/groups';
import type { Query } from '../links';
import type { PageContext } from './context';
import { errorText, Table, Time } from './parts';

/** The groups of letters with the same error; the chosen one if a group is chosen. */
export function Groups({
  groups,
  chosen,
  filters,
  page: { links, readOnly },
}: {
  groups: ShownGroup[];
  chosen: string | undefined;
  filters: Query;
  page: PageContext;
}) {
  const shown = chosen === undefined ? groups : groups.filter(({ id }) => id === chosen);
  const others = { ...filters, group: undefined };
  return (
    <section aria-labelledby="groups">
      <h2 id="groups">{chosen === undefined ? 'What failed, by error' : 'One group of errors'}</h2>
      {chosen !== undefined && (
        <p>
          <a href={links.to('/dead-letters', others)}>Show letters of every group</a>
        </p>
      )}
      {shown.length > 0 && (
        <Table
          caption="Letters that nobody has settled, with errors that differ only in ids and numbers"
          rows={shown}
          columns={[
            { head: 'Letters', cell: ({ unsettled }) => unsettled, isNumber: true },
            { head: 'Stream', cell: ({ stream }) => stream },
            {
              head: 'Error',
              cell: (one) => {
                const text = errorText(one.errorType, one.example);
                if (one.id === null) return text;
                const { id: group, stream } = one;
                return <a href={links.to('/dead-letters', { ...others, stream, group })}>{text}</a>;
              },
            },
            { head: 'First', cell: ({ firstAt }) => <Time at={firstAt} /> },
            { head: 'Last', cell: ({ lastAt }) => <Time at={lastAt} /> },
            ...(readOnly
              ? []
              : [
                  {
                    head: 'Do',
                    cell: ({ id, stream }: ShownGroup) =>
                      id !== null && (
                        <a href={links.act(stream, 'replay', { group: id })}>Replay the group</a>
                      ),
                  },
                ]),
          ]}
        />
      )}
    </section>
  );
}
