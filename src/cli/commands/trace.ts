import type { Command } from 'commander';
import { UsageError } from '../../domain/errors';
import { trace, type TraceSubject } from '../../operations/trace/trace';
import { withServers, type StreamFlags } from '../options/context';
import { withExit1 } from '../options/exit-codes';
import { printJson, progressLine, say } from '../output/output';
import { parsePlace } from '../options/place';
import { withStreamOptions } from '../options/stream-options';
import { describeTrace, isKnown } from '../output/trace-output';

interface Flags extends StreamFlags {
  record?: string;
  scan?: boolean;
  json?: boolean;
}

export function addTraceCommand(program: Command): void {
  withExit1(withStreamOptions(program.command('trace')), 'nothing is known of the message')
    .description(
      'show all that is known of a message: records, runs, object at the sink, dead letters',
    )
    .argument('[message-id]', 'the message; or name a record with --record')
    .option(
      '--record <topic/partition@offset>',
      'trace one record, or the record of a dead letter; it need not be a message',
    )
    .option('--scan', 'also read the topics from end to end for records of the message')
    .option('--json', 'print one JSON document')
    .action(async (messageId: string | undefined, { json, scan = false, ...flags }: Flags) => {
      const subject = subjectOf(messageId, flags.record);
      if (scan && 'record' in subject) throw new UsageError('--scan goes with a message id');
      const found = await withServers(flags, async ({ kafka, temporal, streams }) => {
        const progress = progressLine();
        try {
          const options = { scan, onProgress: progress };
          return await trace(kafka, temporal.client, streams, subject, options);
        } finally {
          progress('');
          for (const { sink } of streams) await sink.close?.();
        }
      });
      if (!found.streams.some(isKnown)) process.exitCode = 1;
      if (json) return printJson(found);
      process.stdout.write(`${describeTrace(found)}\n`);
      if (process.exitCode === 1) say('found nowhere');
    });
}

function subjectOf(messageId: string | undefined, record: string | undefined): TraceSubject {
  if ((messageId === undefined) === (record === undefined)) {
    throw new UsageError('name a message id, or a record with --record');
  }
  if (messageId === '') throw new UsageError('a message id is never empty');
  return record === undefined ? { messageId: messageId! } : { record: parsePlace(record) };
}
