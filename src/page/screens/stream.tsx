import { z } from 'zod';
import type { StatusCounts } from '../../operations/letter-index/letter-groups';
import type { StreamStatus } from '../../operations/status/status';
import { overviewOf } from '../data/overview';
import { Empty, Facts, Notices, Table, Time } from '../views/parts';
import { ProblemView } from '../views/problem';
import { Way } from '../views/way';
import { Plots } from '../views/plots';
import { defineScreen } from './screen';

/** What the address of a stream's plots says. An absent partition means all. */
export const historyInput = z.object({
  name: z.string(),
  partition: z
    .string()
    .regex(/^\d{0,6}$/, 'must be the number of a partition')
    .optional()
    .transform((text) => (text ? Number(text) : undefined)),
});

/** What is known of one stream: partitions, owners, totals, and the plots of the last 15 minutes. */
export const stream = defineScreen({
  path: '/streams/:name',
  refreshes: () => true,
  input: z.object({ name: z.string() }),
  title: ({ name }) => `Stream ${name}`,
  async load(data, { name }) {
    return data.stream(name) && overviewOf(data, name);
  },
  view({ stream: shown, notices }, page) {
    const { status, problems, at } = shown;
    return (
      <>
        <Notices notices={notices} />
        <p>
          <a href="#plots">Plots of the last 15 minutes</a>
        </p>
        {problems.map((problem) => (
          <ProblemView problem={problem} page={page} />
        ))}
        <Way stream={shown} page={page} />
        {!page.readOnly && status !== null && status.paused === null && (
          <p>
            <a class="button" href={page.links.act(shown.name, 'pause')}>
              Pause the stream
            </a>
          </p>
        )}
        {status === null ? (
          <Empty>The status of the stream is not known now. The page asks again by itself.</Empty>
        ) : (
          <>
            <Partitions status={status} />
            <Totals status={status} letters={shown.letters} />
            <Slow status={status} />
          </>
        )}
        <p class="quiet">
          As of <Time at={at} />. The same for a terminal:{' '}
          <code>cloudsync status --stream {shown.name}</code>
        </p>
      </>
    );
  },
  lasting: ({ name }, page) => <Plots stream={name} page={page} />,
});

interface PartitionRow {
  partition: number;
  lag: number;
  owner: string;
  stall: StreamStatus['stalled'][number] | undefined;
  heldKeys: number;
}

function partitionsOf({ lagByPartition, consumers, stalled, held }: StreamStatus): PartitionRow[] {
  return Object.entries(lagByPartition).map(([text, lag]) => {
    const partition = Number(text);
    const member = consumers.members.find(({ partitions }) => partitions.includes(partition));
    const nobody = consumers.settled ? 'nobody' : 'being reassigned';
    return {
      ...{ partition, lag, owner: member ? `${member.clientId} at ${member.host}` : nobody },
      stall: stalled.find((one) => one.partition === partition),
      heldKeys: held.find((one) => one.partition === partition)?.keys ?? 0,
    };
  });
}

function Partitions({ status }: { status: StreamStatus }) {
  const rows = partitionsOf(status);
  return (
    <section aria-labelledby="partitions">
      <h2 id="partitions">Partitions</h2>
      {rows.length === 0 ? (
        <Empty>
          The topic {status.topic} does not exist: <code>cloudsync topics create</code> makes it.
        </Empty>
      ) : (
        <Table
          caption={`Partitions of ${status.topic}, read by the group ${status.groupId}`}
          rows={rows}
          columns={[
            { head: 'Partition', cell: ({ partition }) => partition, isNumber: true },
            { head: 'Lag', cell: ({ lag }) => lag, isNumber: true },
            { head: 'Owner', cell: ({ owner }) => owner },
            { head: 'Stall', cell: ({ stall }) => (stall ? <Stall stall={stall} /> : 'none') },
            { head: 'Held keys', cell: ({ heldKeys }) => heldKeys, isNumber: true },
          ]}
        />
      )}
    </section>
  );
}

function Stall({ stall }: { stall: NonNullable<PartitionRow['stall']> }) {
  const { reason, since, offset, workflowId, detail } = stall;
  return (
    <>
      {reason} at offset {offset} since <Time at={since} />
      {workflowId !== null && `, waits for ${workflowId}`}
      {detail !== null && `: ${detail}`}
    </>
  );
}

function Totals({ status, letters }: { status: StreamStatus; letters: StatusCounts | null }) {
  const { duplicates, recent, averageDeliveryMs } = status;
  const rate = `${(status.duplicateRate * 100).toFixed(1)} % of ${status.checked} checked records`;
  return (
    <section aria-labelledby="totals">
      <h2 id="totals">Totals</h2>
      <Facts
        facts={[
          ['delivered', status.delivered],
          ['attempts repeated', status.retries],
          [
            'average delivery',
            averageDeliveryMs === null ? null : `${averageDeliveryMs.toFixed(1)} ms`,
          ],
          ['filtered', status.filtered],
          ['duplicates', rate],
          ['… seen by layer recent', duplicates.recent],
          ['… by layer workflow-id', duplicates.workflowId],
          ['… by the sink', duplicates.sink],
          ['remembered by layer recent', `${recent.entries}, ${recent.evictions} forgotten early`],
          ['workflows completed', status.completed],
          ['workflows failed', status.failed],
          [
            'dead letters',
            letters &&
              Object.entries(letters)
                .map(([name, number]) => `${number} ${name}`)
                .join(', '),
          ],
        ]}
      />
    </section>
  );
}

function Slow({ status: { slow, running } }: { status: StreamStatus }) {
  return (
    <section aria-labelledby="slow">
      <h2 id="slow">Open workflows</h2>
      <Facts
        facts={[
          ['running', running],
          ['open for longer than 5 s', slow.count],
          ['the oldest since', slow.since && <Time at={slow.since} />],
          ['retrying', slow.retrying && `${slow.retrying.count} of ${slow.lookedAt} looked at`],
          ['stuck', slow.stuck?.workflowIds.join('\n')],
        ]}
      />
    </section>
  );
}
