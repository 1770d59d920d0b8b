import { z } from 'zod';
import type { AuditEntry } from '../../operations/dead-letters/state-entries';
import type { PageData } from '../data/page-data';
import { cut, Empty, Notices, Pages, StreamFilter, Table, Time } from '../views/parts';
import { cursorParameter, defineScreen, namesOf, one, type Shown } from './screen';

const PAGE_SIZE = 50;

type Entry = AuditEntry & { stream: string };

interface Model extends Shown {
  entries: Entry[];
  /** The cursor of the next page; null if no entry is left. */
  next: string | null;
}

interface Filters {
  stream?: string | undefined;
  cursor?: string | undefined;
}

/** What people have done, by commands and on the page, newest first. */
export const audit = defineScreen<Filters, Model>({
  path: '/audit',
  input: z.object({ stream: one, cursor: cursorParameter }),
  title: () => 'Audit',
  async load(data, { stream, cursor }) {
    const known = await Promise.all(namesOf(data, stream).map((name) => entriesOf(data, name)));
    const all = known.flatMap(({ entries }) => entries).sort(newestFirst);
    const from = cursor === undefined ? all : all.filter(({ id }) => id < cursor);
    const entries = from.slice(0, PAGE_SIZE);
    return {
      entries,
      next: from.length > PAGE_SIZE ? entries.at(-1)!.id : null,
      notices: known.flatMap(({ notices }) => notices),
    };
  },
  view({ entries, next, notices }, page, { stream, cursor }) {
    const { links } = page;
    return (
      <>
        <Notices notices={notices} />
        <StreamFilter action={links.to('/audit')} streams={page.streams} value={stream} />
        {entries.length > 0 && <Entries entries={entries} />}
        {entries.length === 0 && notices.length === 0 && (
          <Empty>
            Nobody has done anything yet. Replays, discarded letters, pauses and what else people do
            by commands or on this page stand here.
          </Empty>
        )}
        <Pages
          to={(at) => links.to('/audit', { stream, cursor: at })}
          cursor={cursor}
          next={next}
        />
      </>
    );
  },
});

async function entriesOf(data: PageData, name: string) {
  const { indexer, notices } = await data.letters(data.stream(name)!);
  const entries = [...indexer.log.audit.values()].map((entry): Entry => ({
    stream: name,
    ...entry,
  }));
  return { entries, notices };
}

/** An id begins with the time. */
function newestFirst(a: Entry, b: Entry): number {
  return a.id < b.id ? 1 : -1;
}

const ACTIONS: Record<Entry['action'], string> = {
  pause: 'paused the stream',
  resume: 'resumed the stream',
  replay: 'began a replay',
  resumeReplay: 'resumed a replay',
  stopReplay: 'stopped a replay',
  discard: 'discarded',
  reopen: 'opened again',
  giveUp: 'gave up',
  runAgain: 'ran failed workflows again',
  skipBatch: 'dead-lettered a batch that can not be read',
};

const OUTCOMES: Record<Entry['outcome'], string> = {
  asked: 'not known: it was begun',
  done: 'done',
  failed: 'failed',
};

function Entries({ entries }: { entries: Entry[] }) {
  return (
    <Table
      caption="What people have done, newest first"
      rows={entries}
      columns={[
        { head: 'When', cell: ({ at }) => <Time at={at} /> },
        { head: 'Who', cell: ({ by }) => cut(by) },
        { head: 'By', cell: ({ via }) => via },
        { head: 'Stream', cell: ({ stream }) => stream },
        { head: 'What', cell: ({ action }) => ACTIONS[action] },
        { head: 'Of', cell: ({ subject }) => cut(subject ?? '') },
        { head: 'Why', cell: ({ reason }) => cut(reason ?? '', 500) },
        {
          head: 'Outcome',
          cell: ({ outcome, detail }) =>
            `${OUTCOMES[outcome]}${detail === null ? '' : `: ${cut(detail, 500)}`}`,
        },
      ]}
    />
  );
}
