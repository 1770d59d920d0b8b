import { z } from 'zod';
import type { ListedReplay } from '../../operations/replay/replay-list';
import { faultsOf } from '../data/answers';
import type { PageContext } from '../views/context';
import { cut, Empty, Notices, Pages, StreamFilter, Table, Time } from '../views/parts';
import { cursorParameter, defineScreen, namesOf, one } from './screen';

const PAGE_SIZE = 50;

/** The replays of dead letters, newest first. */
export const replays = defineScreen({
  path: '/replays',
  input: z.object({ stream: one, cursor: cursorParameter }),
  title: () => 'Replays',
  async load(data, { stream, cursor }) {
    const names = namesOf(data, stream);
    const answers = await Promise.all(
      names.map(async (name) => [name, await data.replays(data.stream(name)!)] as const),
    );
    const all = answers.flatMap(([, { value }]) => value ?? []).sort(newestFirst);
    const from = cursor === undefined ? all : all.filter((one) => cursorOf(one) < cursor);
    const shown = from.slice(0, PAGE_SIZE);
    const faults = answers.map(([name, answer]) => [`Replays of stream ${name}`, answer] as const);
    return {
      replays: shown,
      next: from.length > PAGE_SIZE ? cursorOf(shown.at(-1)!) : null,
      notices: faultsOf(Object.fromEntries(faults)),
    };
  },
  view({ replays, next, notices }, page, { stream, cursor }) {
    const { links } = page;
    return (
      <>
        <Notices notices={notices} />
        <StreamFilter action={links.to('/replays')} streams={page.streams} value={stream} />
        {replays.length > 0 && <Replays replays={replays} page={page} />}
        {replays.length === 0 && notices.length === 0 && (
          <Empty>
            No replays. A replay begins at the <a href={links.to('/dead-letters')}>dead letters</a>,
            or with <code>cloudsync dlq replay --stream NAME</code>.
          </Empty>
        )}
        <Pages
          to={(at) => links.to('/replays', { stream, cursor: at })}
          cursor={cursor}
          next={next}
        />
      </>
    );
  },
});

/** Sorts as the list does: by time, then by id. */
function cursorOf({ at, replay }: ListedReplay): string {
  return `${at} ${replay}`;
}

function newestFirst(a: ListedReplay, b: ListedReplay): number {
  return cursorOf(a) < cursorOf(b) ? 1 : -1;
}

function Replays({ replays, page }: { replays: ListedReplay[]; page: PageContext }) {
  return (
    <Table
      caption="Replays, newest first"
      rows={replays}
      columns={[
        {
          head: 'Replay',
          cell: ({ replay }) => <a href={page.links.replay(replay)}>{cut(replay)}</a>,
        },
        { head: 'Stream', cell: ({ stream }) => stream },
        { head: 'Begun', cell: ({ at }) => <Time at={at} /> },
        { head: 'By', cell: ({ by }) => cut(by) },
        { head: 'State', cell: ({ state }) => state },
        {
          head: 'Progress',
          cell: ({ progress }) =>
            progress && `${progress.done} of ${progress.total ?? '?'}: ${cut(progress.text)}`,
        },
        {
          head: 'Letters',
          cell: ({ counts }) =>
            Object.entries(counts)
              .map(([name, count]) => `${count} ${name}`)
              .join(', '),
        },
        { head: 'Ended', cell: ({ endedAt }) => (endedAt === null ? '' : <Time at={endedAt} />) },
      ]}
    />
  );
}
