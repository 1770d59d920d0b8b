import type { ComponentChildren, JSX } from 'preact';

/** A time, which the page's script shows in the viewer's zone. */
export function Time({ at }: { at: string | null | undefined }): JSX.Element {
  if (!at || Number.isNaN(Date.parse(at))) return <span class="quiet">{at ?? 'not known'}</span>;
  return <time dateTime={at}>{at}</time>;
}

/** What a server does not say, or a part of the screen that is not there. */
export function Notices({ notices }: { notices: string[] }): JSX.Element | null {
  if (notices.length === 0) return null;
  return (
    <section aria-label="Notices">
      {notices.map((text) => (
        <div class="notice" role="status">
          <p>{text}</p>
        </div>
      ))}
    </section>
  );
}

/** What a list shows when it has nothing. */
export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

/** Names and values. A pair whose value is null is left out. */
export function Facts({ facts }: { facts: [name: string, value: ComponentChildren][] }) {
  return (
    <dl>
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
    </dl>
  );
}

export interface Column<Row> {
  head: string;
  cell: (row: Row) => ComponentChildren;
  isNumber?: boolean;
}

/**
 * A table, which narrow screens show as a list. The roles are named, because browsers forget them for tables that are laid
 * out as lists.
 */
export function Table<Row>({
  caption,
  columns,
  rows,
}: {
  caption: string;
  columns: Column<Row>[];
  rows: readonly Row[];
}): JSX.Element {
  const kind = ({ isNumber }: Column<Row>) => (isNumber ? 'number' : undefined);
  return (
    <table class="list" role="table">
      <caption>{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th scope="col" role="columnheader" class={kind(column)}>
              {column.head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr role="row">
            {columns.map((column) => (
              <td role="cell" data-label={column.head} class={kind(column)}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Links to the first and the next page of a list. */
export function Pages({
  to,
  cursor,
  next,
}: {
  /** The address of the page at a cursor; of the first page without one. */
  to: (cursor?: string) => string;
  /** The cursor of the page that is shown. */
  cursor: string | undefined;
  /** The cursor of the next page; null if there is none. */
  next: string | null;
}) {
  if (cursor === undefined && next === null) return null;
  return (
    <nav aria-label="Pages">
      <ul class="pages">
        {cursor !== undefined && (
          <li>
            <a href={to()}>First page</a>
          </li>
        )}
        {next !== null && (
          <li>
            <a href={to(next)} rel="next">
              Next page
            </a>
          </li>
        )}
      </ul>
    </nav>
  );
}

/** One filter of a list: a choice among texts. */
export function Choice({
  label,
  name,
  value,
  choices,
}: {
  label: string;
  name: string;
  value: string | undefined;
  choices: [value: string, text: string][];
}): JSX.Element {
  return (
    <label>
      {label}
      <select name={name}>
        {choices.map(([one, text]) => (
          <option value={one} selected={one === (value ?? '')}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The choice of a stream among all, which lists share. */
export function StreamChoice({
  streams,
  value,
}: {
  streams: string[];
  value?: string | undefined;
}) {
  const choices = streams.map((name): [string, string] => [name, name]);
  return <Choice label="Stream" name="stream" value={value} choices={[['', 'all'], ...choices]} />;
}

/** The form of a list whose only filter is the stream. `action`: the address of the list. */
export function StreamFilter({
  action,
  streams,
  value,
}: {
  action: string;
  streams: string[];
  value: string | undefined;
}) {
  return (
    <form method="get" action={action} role="search">
      <StreamChoice streams={streams} value={value} />
      <button type="submit">Filter</button>
    </form>
  );
}

/** The first characters of a text from anybody, for a row of a list. */
export function cut(text: string, most = 200): string {
  const line = text.slice(0, 4 * most).replace(/\s*\n\s*/g, ' ');
  return line.length > most ? `${line.slice(0, most)}…` : line;
}

/** An error as a row of a list shows it. */
export function errorText(type: string | null, message: string | null): string {
  return cut([type, message].filter((one) => one !== null && one !== '').join(': '));
}
