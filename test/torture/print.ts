import { table } from '../../src/lib/table';
import type { Report } from './report';

/** The report as text. */
export function printable(report: Report): string {
  const { options, seconds, messages, streams, faults, recovery, ownExits, resources } = report;
  const { seed, minutes, lane, sink, rate, ordering, appendOnly } = options;
  return [
    `seed ${seed}, ${minutes} minutes, lane ${lane}, sink ${appendOnly ? 'append-only' : sink}, ` +
      `${rate} messages a second, ordering ${ordering}; ${report.machine}`,
    `${seconds.load} s of load and faults, ${seconds.settling} s to settle; all in ${report.directory}`,
    table(
      ['MESSAGES', 'SENT', 'ACKNOWLEDGED', 'UNKNOWN', 'REJECTED'],
      Object.entries(messages).map(([kind, of]) => [
        kind,
        of.all!,
        of.acknowledged!,
        of.unknown! + of.sent!,
        of.rejected!,
      ]),
    ),
    table(
      [
        ...['STREAM', 'RECORDS', 'DELIVERED', 'DEAD LETTERS', 'REPEATED', 'MISSING', 'DOUBLE'],
        ...['UNEXPECTED', 'RECENT', 'WORKFLOW-ID', 'SINK', 'WRITES', 'RETRIES'],
      ],
      streams.map((one) => [
        ...[one.name, one.records, one.delivered, one.deadLettered, one.repeatedLetters],
        ...[one.missing.length, one.double.length, one.unexpected.length],
        one.duplicates?.recent ?? '',
        one.duplicates?.workflowId ?? '',
        one.duplicates?.sink ?? '',
        one.writes.written + one.writes.duplicate,
        one.retries ?? '',
      ]),
    ),
    table(
      ['FAULTS', 'DONE', 'NEXT DELIVERY AFTER: MEDIAN', 'MAX'],
      Object.entries(faults).map(([kind, done]) => {
        const found = recovery.find((one) => one.kind === kind);
        return [kind, done, inSeconds(found?.median), inSeconds(found?.max)];
      }),
    ),
    table(
      [
        'PROCESS',
        'AGE',
        'ENDED BY ITSELF',
        'RSS MB: START',
        'MEDIAN',
        'MAX',
        'END',
        'HANDLES: START',
        'MAX',
        'END',
      ],
      resources.map((one) => [
        ...[one.process, `${one.seconds} s`, ownExits[one.process] ?? 0],
        ...[one.rssMb.first, one.rssMb.median, one.rssMb.max, one.rssMb.last],
        ...[one.handles.first, one.handles.max, one.handles.last],
      ]),
    ),
    report.ok ? 'As it must be' : `NOT AS IT MUST BE\n${report.findings.join('\n')}`,
  ].join('\n\n');
}

function inSeconds(value: number | undefined): string {
  return value === undefined ? '' : `${value.toFixed(1)} s`;
}
