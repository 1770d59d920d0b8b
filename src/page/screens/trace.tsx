import { z } from 'zod';
import type { StreamTrace } from '../../operations/trace/trace-stream';
import type { TracedRun } from '../../operations/trace/trace-runs';
import { describePosition } from '../../domain/record/record';
import { shellWord } from '../../lib/shell-word';
import { faultsOf } from '../data/answers';
import type { PageData } from '../data/page-data';
import type { PageContext } from '../views/context';
import { Empty, errorText, Facts, Notices, Table, Time } from '../views/parts';
import { RunLink } from '../views/run-link';
import { defineScreen, one, type Shown } from './screen';

/** All that is known of one message, in each stream; without an id a form that asks for one. */
export const trace = defineScreen({
  path: '/trace',
  input: z.object({ id: one }),
  title: ({ id }) => (id === undefined ? 'Trace' : `Trace of ${id}`),
  load: (data, { id }) => load(data, id),
  view: (model, page) => <Trace model={model} page={page} />,
});

/** The same at an address of its own for each message. */
export const traceOfMessage = defineScreen({
  path: '/trace/*',
  input: z.object({ '*': z.string().min(1).max(2_000) }),
  title: ({ '*': id }) => `Trace of ${id}`,
  load: (data, { '*': id }) => load(data, id),
  view: (model, page) => <Trace model={model} page={page} />,
});

interface Model extends Shown {
  messageId: string | null;
  streams: StreamTrace[];
}

async function load(data: PageData, messageId: string | undefined): Promise<Model> {
  if (messageId === undefined) return { messageId: null, streams: [], notices: [] };
  const answer = await data.trace({ messageId });
  return {
    messageId,
    streams: answer.value?.streams ?? [],
    notices: faultsOf({ Trace: answer }),
  };
}

function Trace({
  model: { messageId, streams, notices },
  page,
}: {
  model: Model;
  page: PageContext;
}) {
  if (messageId === null) return <IdForm page={page} />;
  const known = streams.filter(isKnown);
  const others = streams.filter((stream) => !isKnown(stream)).map(({ name }) => name);
  return (
    <>
      <Notices notices={notices} />
      <IdForm page={page} value={messageId} />
      {known.map((stream) => (
        <Stream stream={stream} page={page} />
      ))}
      {known.length === 0 && notices.length === 0 && (
        <Empty>
          Nothing is known of this message. A record that nobody has consumed yet is found by{' '}
          <code>{`cloudsync trace ${shellWord(messageId)} --scan`}</code>, which reads the topics
          from end to end.
        </Empty>
      )}
      {known.length > 0 && others.length > 0 && (
        <p class="quiet">Nothing is known of it in {others.join(', ')}.</p>
      )}
    </>
  );
}

function isKnown({ records, runs, sinkObject, deadLetters }: StreamTrace): boolean {
  return records.length > 0 || runs.length > 0 || sinkObject !== null || deadLetters.length > 0;
}

function IdForm({ page, value = '' }: { page: PageContext; value?: string }) {
  return (
    <form method="get" action={page.links.to('/trace')} role="search">
      <label>
        Message id
        <input name="id" type="search" value={value} required maxLength={1_000} />
      </label>
      <button type="submit">Trace</button>
    </form>
  );
}

function Stream({ stream, page }: { stream: StreamTrace; page: PageContext }) {
  const { name, verdict, records, runs, sinkObject, deadLetters, notLookedAt } = stream;
  return (
    <section aria-labelledby={`trace-${name}`}>
      <h2 id={`trace-${name}`}>
        <a href={page.links.stream(name)}>{name}</a>: {verdict}
      </h2>
      {records.length > 0 && (
        <Table
          caption="Records of the message"
          rows={records}
          columns={[
            { head: 'Record', cell: (one) => describePosition(one) },
            { head: 'Time', cell: ({ timestamp }) => <Time at={timestamp} /> },
            { head: 'Verdict', cell: (one) => one.verdict },
            { head: 'Sent back from', cell: ({ replayOf }) => replayOf ?? '' },
          ]}
        />
      )}
      {runs.length > 0 && <Runs runs={runs} page={page} />}
      {deadLetters.length > 0 && (
        <Table
          caption="Dead letters of the message, oldest first"
          rows={deadLetters}
          columns={[
            {
              head: 'Letter',
              cell: ({ stream: owner, deadLetter }) => (
                <a href={page.links.deadLetter(owner, deadLetter)}>
                  {describePosition(deadLetter)}
                </a>
              ),
            },
            { head: 'Failed', cell: ({ failedAt }) => <Time at={failedAt} /> },
            { head: 'Error', cell: (one) => errorText(one.errorType, one.errorMessage) },
          ]}
        />
      )}
      {sinkObject && (
        <Facts
          facts={[
            ['object at the sink', sinkObject.location],
            ['bytes', sinkObject.bytes],
            ['sha256', sinkObject.sha256],
            ['written', sinkObject.writtenAt && <Time at={sinkObject.writtenAt.toISOString()} />],
            ['written by', sinkObject.writtenBy && describePosition(sinkObject.writtenBy)],
          ]}
        />
      )}
      {notLookedAt.map((text) => (
        <p class="quiet">Not looked at: {text}</p>
      ))}
    </section>
  );
}

function Runs({ runs, page }: { runs: TracedRun[]; page: PageContext }) {
  return (
    <Table
      caption="Runs of its workflows, oldest first"
      rows={runs}
      columns={[
        { head: 'Workflow', cell: (run) => <RunLink run={run} page={page} /> },
        { head: 'Type', cell: ({ type }) => type },
        { head: 'Status', cell: ({ status, stuck }) => (stuck ? `${status}, stuck` : status) },
        { head: 'Started', cell: ({ startedAt }) => <Time at={startedAt} /> },
        { head: 'Closed', cell: ({ closedAt }) => (closedAt ? <Time at={closedAt} /> : '') },
        { head: 'Attempts', cell: ({ attempts }) => attempts ?? '', isNumber: true },
        {
          head: 'Outcome',
          cell: ({ outcome, errorType, errorMessage }) =>
            outcome ?? errorText(errorType, errorMessage),
        },
      ]}
    />
  );
}
