import type { Command } from 'commander';
import { UsageError } from '../../domain/errors';
import { reconcile, type ReconcileReport } from '../../operations/reconcile/reconcile';
import { withServers, type StreamFlags } from '../options/context';
import { withExit1 } from '../options/exit-codes';
import { facts } from '../output/failed-output';
import { printable } from '../../lib/unprintable';
import { printJson, progressLine, say } from '../output/output';
import { withStreamOptions } from '../options/stream-options';

export function addReconcileCommand(program: Command): void {
  withExit1(
    withStreamOptions(program.command('reconcile'), 'the stream (default: the only one there is)'),
    'a message is missing or double',
  )
    .description('compare topic, sink and dead letters')
    .option('--json', 'print one JSON document')
    .action(async ({ json, ...flags }: StreamFlags & { json?: boolean }) => {
      const report = await withServers(flags, async ({ kafka, temporal, streams }) => {
        const [stream, ...others] = streams;
        if (!stream || others.length > 0) throw new UsageError('name one stream with --stream');
        const progress = progressLine();
        const onNotice = (text: string) => {
          progress('');
          say(text);
        };
        try {
          return await reconcile(kafka, temporal.client, stream, {
            onProgress: progress,
            onNotice,
          });
        } finally {
          progress('');
          await stream.sink.close?.();
        }
      });
      if (report.missing > 0 || report.double > 0) process.exitCode = 1;
      if (json) return printJson(report);
      process.stdout.write(`${describe(report)}\n`);
    });
}

function describe(report: ReconcileReport): string {
  const { stream, messages, delivered, deadLettered, missing, double } = report;
  return [
    facts([
      ['stream', stream],
      ['messages', messages],
      ['delivered', delivered],
      ['dead-lettered', deadLettered],
      ['missing', missing],
      ['double', double],
    ]),
    ...ids('missing', missing, report.missingIds),
    ...ids('double', double, report.doubleIds),
  ].join('\n');
}

function ids(what: string, count: number, some: string[]): string[] {
  if (count === 0) return [];
  const rest = count - some.length;
  return [
    `${what}:`,
    ...some.map((id) => `  ${printable(id)}`),
    ...(rest > 0 ? [`  … ${rest} more`] : []),
  ];
}
