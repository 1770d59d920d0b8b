import { describePosition } from '../../domain/record/record';
import type { StreamStatus } from '../../operations/status/status';
import { cut } from './failed-output';
import { table } from '../../lib/table';

/** The tables for people. They have the same numbers as `--json`. */
export function describeStatus(all: StreamStatus[]): string {
  const streams = table(
    ['STREAM', 'TOPIC', 'GROUP', 'LAG', 'RUNNING', 'FAILED', 'COMPLETED', 'DEAD LETTERS'],
    all.map((one) => [
      one.name,
      one.topic,
      one.groupId,
      one.lag,
      one.running,
      one.failed,
      one.completed,
      one.deadLetters,
    ]),
  );
  const idempotency = table(
    ['STREAM', 'CHECKED', 'DUPLICATES: RECENT', 'WORKFLOW-ID', 'SINK', 'RATE'],
    all.map(({ name, checked, duplicates, duplicateRate }) => [
      name,
      checked,
      duplicates.recent,
      duplicates.workflowId,
      duplicates.sink,
      `${(duplicateRate * 100).toFixed(1)} %`,
    ]),
  );
  const deliveries = table(
    ['STREAM', 'DELIVERED', 'RETRIES', 'AVERAGE DELIVERY', 'REMEMBERED', 'EVICTED', 'LOCK WAITS'],
    all.map(({ name, delivered, retries, averageDeliveryMs, recent }) => [
      name,
      delivered,
      retries,
      averageDeliveryMs === null ? '' : `${averageDeliveryMs.toFixed(1)} ms`,
      recent.entries,
      recent.evictions,
      recent.lockWaits,
    ]),
  );
  const consumers = table(['STREAM', 'CONSUMER', 'HOST', 'PARTITIONS'], all.flatMap(consumersOf));
  return [
    ...ifAny(['PAUSED', 'SINCE', 'BY', 'REASON'], all.flatMap(pausesOf)),
    ...ifAny(
      ['BRAKED', 'SINCE', 'DEAD LETTERS', 'OF THOSE ENDED', 'REASON'],
      all.flatMap(brakesOf),
    ),
    ...ifAny(
      ['STUCK', 'WORKFLOWS', 'SINCE', 'OLDEST', 'ITS WORKFLOW TASK FAILS'],
      all.flatMap(stuckOf),
    ),
    ...ifAny(
      ['RETRYING', 'WORKFLOWS', 'OPEN OVER 5 S', 'SINCE', 'LAST ERROR'],
      all.flatMap(retryingOf),
    ),
    streams,
    consumers,
    idempotency,
    deliveries,
    ...ifAny(['STREAM', 'FILTERED'], all.flatMap(filteredOf)),
    ...ifAny(['STREAM', 'PARTITION', 'LAG'], all.flatMap(lagsOf)),
    ...ifAny(
      ['STALLED', 'PARTITION', 'OFFSET', 'REASON', 'SINCE', 'WAITS FOR, OR CAUSE'],
      all.flatMap(stallsOf),
    ),
    ...ifAny(['HELD', 'PARTITION', 'KEYS', 'BEHIND'], all.flatMap(heldOf)),
  ].join('\n\n');
}

/** Rows of the members of the stream's group. */
function consumersOf({ name, lagByPartition, consumers }: StreamStatus): string[][] {
  const { settled, members } = consumers;
  // A topic that exists has a partition.
  if (Object.keys(lagByPartition).length === 0) {
    return [[name, 'its topic does not exist: "cloudsync topics create" makes it', '', '']];
  }
  if (members.length === 0) {
    // A bridge worker joins the group only once its sink takes records.
    const advice = 'start a bridge worker; if one runs, its log and /readyz say what it waits for';
    return [[name, `nobody consumes it: ${advice}`, '', '']];
  }
  return members.map(({ clientId, host, partitions }) => {
    const having = partitions.length > 0 ? partitions.join(' ') : 'none, stands by';
    return [name, clientId, host, settled ? having : 'being reassigned'];
  });
}

type Rows = (string | number)[][];

/** A table that is shown only if it has rows. */
function ifAny(head: string[], rows: Rows): string[] {
  return rows.length > 0 ? [table(head, rows)] : [];
}

function pausesOf({ name, paused }: StreamStatus): Rows {
  return paused ? [[name, paused.since, paused.by, cut(paused.reason ?? '')]] : [];
}

function brakesOf({ name, braked }: StreamStatus): Rows {
  if (!braked) return [];
  const { since, deadLetters, share, reason } = braked;
  return [[name, since, deadLetters, `${Math.round(share * 100)} %`, reason]];
}

function stuckOf({ name, slow: { stuck, lookedAt } }: StreamStatus): Rows {
  if (!stuck) return [];
  const { count, since, workflowIds, errorMessage } = stuck;
  const error = cut(errorMessage ?? 'the workflow task times out');
  return [[name, `${count} of ${lookedAt}`, since, workflowIds[0]!, error]];
}

function retryingOf({ name, slow: { retrying, lookedAt, count } }: StreamStatus): Rows {
  if (!retrying) return [];
  const error = cut(`${retrying.errorType ?? 'Error'}: ${retrying.errorMessage}`);
  return [[name, `${retrying.count} of ${lookedAt}`, count, retrying.since, error]];
}

function filteredOf({ name, filtered }: StreamStatus): Rows {
  return filtered > 0 ? [[name, filtered]] : [];
}

function lagsOf({ name, lagByPartition }: StreamStatus): Rows {
  return Object.entries(lagByPartition)
    .filter(([, lag]) => lag > 0)
    .map(([partition, lag]) => [name, Number(partition), lag]);
}

function stallsOf({ name, stalled }: StreamStatus): Rows {
  return stalled.map(({ partition, offset, reason, since, workflowId, detail }) => [
    ...[name, partition, offset, reason, since, workflowId ?? cut(detail ?? '')],
  ]);
}

function heldOf({ name, held }: StreamStatus): Rows {
  return held.map(({ topic, partition, keys, heads }) => [
    ...[name, partition, keys],
    heads.map((offset) => describePosition({ topic, partition, offset })).join(' '),
  ]);
}
