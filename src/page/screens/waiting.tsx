import { z } from 'zod';
import type { WaitingWorkflow } from '../../temporal/waiting-workflows';
import { faultsOf } from '../data/answers';
import type { PageContext } from '../views/context';
import { RunLink } from '../views/run-link';
import { cut, Empty, errorText, Notices, Pages, StreamFilter, Table, Time } from '../views/parts';
import { cursorParameter, defineScreen, namesOf, one } from './screen';

const PAGE_SIZE = 50;

/** The records that have not failed for good, and wait for another attempt. */
export const waiting = defineScreen({
  path: '/waiting',
  input: z.object({ stream: one, cursor: cursorParameter }),
  title: () => 'Waiting for another attempt',
  async load(data, { stream, cursor }) {
    const answer = await data.waiting(namesOf(data, stream), { limit: PAGE_SIZE, cursor });
    const { workflows = [], lookedAt = 0, open = 0, next = null } = answer.value ?? {};
    return { workflows, lookedAt, open, next, notices: faultsOf({ 'Open workflows': answer }) };
  },
  view({ workflows, lookedAt, open, next, notices }, page, { stream, cursor }) {
    const { links } = page;
    return (
      <>
        <Notices notices={notices} />
        <StreamFilter action={links.to('/waiting')} streams={page.streams} value={stream} />
        {notices.length === 0 && (
          <p class="quiet">
            {open} workflows are open for longer than 5 s. This page has asked {lookedAt} of them
            what they wait for, the oldest first.
          </p>
        )}
        {workflows.length > 0 && <Workflows workflows={workflows} page={page} />}
        {workflows.length === 0 && notices.length === 0 && (
          <Empty>
            {next === null
              ? 'Nothing waits for another attempt.'
              : 'None of these waits for another attempt. The next page asks on.'}
          </Empty>
        )}
        <Pages
          to={(at) => links.to('/waiting', { stream, cursor: at })}
          cursor={cursor}
          next={next}
        />
      </>
    );
  },
});

function Workflows({ workflows, page }: { workflows: WaitingWorkflow[]; page: PageContext }) {
  return (
    <Table
      caption="Workflows that wait for another attempt, the oldest first"
      rows={workflows}
      columns={[
        { head: 'Workflow', cell: (run) => <RunLink run={run} page={page} /> },
        { head: 'Stream', cell: ({ stream }) => <a href={page.links.stream(stream)}>{stream}</a> },
        { head: 'Message', cell: (run) => <Message run={run} page={page} /> },
        { head: 'Open since', cell: ({ startedAt }) => <Time at={startedAt} /> },
        { head: 'Attempt', cell: ({ attempt }) => attempt, isNumber: true },
        { head: 'What', cell: ({ kind }) => (kind === 'stuck' ? 'workflow task' : 'activity') },
        {
          head: 'Last error',
          cell: ({ errorType, errorMessage }) =>
            errorText(errorType, errorMessage ?? 'it times out'),
        },
        { head: 'Failed', cell: ({ failedAt }) => <Time at={failedAt} /> },
      ]}
    />
  );
}

function Message({ run, page }: { run: WaitingWorkflow; page: PageContext }) {
  const { messageId, topic, partition, offset } = run;
  if (messageId === null) return <>{topic === null ? '' : `${topic}/${partition}@${offset}`}</>;
  return <a href={page.links.trace(messageId)}>{cut(messageId)}</a>;
}
