import { describePosition } from '../domain/record';
import type { StreamStatus } from '../operations/status';
import { cut } from './failed-output';
import { table } from './output';

/** The tables that people read; the same numbers as in `--json`. */
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
  const passedBy = all.filter(({ filtered }) => filtered > 0);
  const filtered =
    passedBy.length > 0
      ? [
          table(
            ['STREAM', 'FILTERED'],
            passedBy.map((one) => [one.name, one.filtered]),
          ),
        ]
      : [];
  const behind = all.flatMap(({ name, lagByPartition }) =>
    Object.entries(lagByPartition)
      .filter(([, lag]) => lag > 0)
      .map(([partition, lag]) => [name, Number(partition), lag]),
  );
  const lags = behind.length > 0 ? [table(['STREAM', 'PARTITION', 'LAG'], behind)] : [];
  const consumers = table(['STREAM', 'CONSUMER', 'HOST', 'PARTITIONS'], all.flatMap(consumersOf));
  const retries = all.flatMap(({ name, slow: { retrying, lookedAt, count } }) =>
    retrying
      ? [
          [
            name,
            `${retrying.count} of ${lookedAt}`,
            count,
            retrying.since,
            cut(`${retrying.errorType ?? 'Error'}: ${retrying.errorMessage}`),
          ],
        ]
      : [],
  );
  const retrying =
    retries.length > 0
      ? [table(['RETRYING', 'WORKFLOWS', 'OPEN OVER 5 S', 'SINCE', 'LAST ERROR'], retries)]
      : [];
  const stuckOnes = all.flatMap(({ name, slow: { stuck, lookedAt } }) =>
    stuck
      ? [
          [
            ...[name, `${stuck.count} of ${lookedAt}`, stuck.since, stuck.workflowIds[0]!],
            cut(stuck.errorMessage ?? 'the workflow task times out'),
          ],
        ]
      : [],
  );
  const stuck =
    stuckOnes.length > 0
      ? [table(['STUCK', 'WORKFLOWS', 'SINCE', 'OLDEST', 'ITS WORKFLOW TASK FAILS'], stuckOnes)]
      : [];
  const standing = all.flatMap(({ name, stalled }) =>
    stalled.map(({ partition, offset, reason, since, workflowId }) => [
      ...[name, partition, offset, reason, since, workflowId ?? ''],
    ]),
  );
  const stalls =
    standing.length > 0
      ? [table(['STALLED', 'PARTITION', 'OFFSET', 'REASON', 'SINCE', 'WAITS FOR'], standing)]
      : [];
  const brakes = all.flatMap(({ name, braked }) =>
    braked
      ? [
          [
            name,
            braked.since,
            braked.deadLetters,
            `${Math.round(braked.share * 100)} %`,
            braked.reason,
          ],
        ]
      : [],
  );
  const braked =
    brakes.length > 0
      ? [table(['BRAKED', 'SINCE', 'DEAD LETTERS', 'OF THOSE ENDED', 'REASON'], brakes)]
      : [];
  const heldKeys = all.flatMap(({ name, held }) =>
    held.map(({ topic, partition, keys, heads }) => [
      ...[name, partition, keys],
      heads.map((offset) => describePosition({ topic, partition, offset })).join(' '),
    ]),
  );
  const held =
    heldKeys.length > 0 ? [table(['HELD', 'PARTITION', 'KEYS', 'BEHIND'], heldKeys)] : [];
  return [
    ...braked,
    ...stuck,
    ...retrying,
    streams,
    consumers,
    idempotency,
    deliveries,
    ...filtered,
    ...lags,
    ...stalls,
    ...held,
  ].join('\n\n');
}

/** Rows of the members of the stream's group. */
function consumersOf({ name, consumers: { settled, members } }: StreamStatus): string[][] {
  if (members.length === 0) return [[name, 'nobody consumes it: start a bridge worker', '', '']];
  return members.map(({ clientId, host, partitions }) => {
    const having = partitions.length > 0 ? partitions.join(' ') : 'none, stands by';
    return [name, clientId, host, settled ? having : 'being dealt out'];
  });
}
