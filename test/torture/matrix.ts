import type { Report } from './report';

/** The results of several runs as a document in Markdown. */
export function matrixDocument(reports: Report[], command: string): string {
  const header = [
    ...['seed', 'lane', 'sink', 'minutes', 'faults', 'messages', 'records', 'delivered'],
    ...[
      'dead letters',
      'repeated',
      'missing',
      'double',
      'unexpected',
      'recent',
      'workflow-id',
      'sink dup.',
    ],
    ...['settled in', 'result'],
  ];
  const rows = reports.flatMap((report) =>
    report.streams.map((one) => [
      ...[report.options.seed, one.lane, report.options.sink, report.options.minutes],
      Object.values(report.faults).reduce((sum, count) => sum + count, 0),
      Object.values(report.messages).reduce((sum, { all = 0 }) => sum + all, 0),
      ...[one.records, one.delivered, one.deadLettered, one.repeatedLetters],
      ...[one.missing.length, one.double.length, one.unexpected.length],
      ...(one.duplicates
        ? [one.duplicates.recent, one.duplicates.workflowId, one.duplicates.sink]
        : ['', '', '']),
      `${report.seconds.settling} s`,
      report.ok ? 'ok' : 'FAILED',
    ]),
  );
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  const findings = reports
    .filter(({ ok }) => !ok)
    .flatMap(({ options, findings }) => findings.map((one) => `- seed ${options.seed}: ${one}`));
  return [
    '# Torture: results',
    '',
    `Written by \`${command}\` on ${reports[0]?.machine}. What the columns mean is in [torture](torture.md).`,
    '',
    line(header),
    line(header.map(() => '---')),
    ...rows.map(line),
    ...(findings.length > 0 ? ['', '## Findings', '', ...findings] : []),
    '',
  ].join('\n');
}
