/** A program of a user with no more than `npm install cloudsync zod`. Tried as an ES module and as CommonJS. */
import { defineStream, fileSystemSink, UsageError, type Stream } from 'cloudsync';
import { deadLetter, type RecordInput } from 'cloudsync/workflow';
import { z } from 'zod';

const payment = z.object({ id: z.string(), amount: z.number() });

const stream: Stream<z.output<typeof payment>> = defineStream({
  name: 'payments',
  topic: 'shop.payments',
  schema: payment,
  sink: fileSystemSink({ directory: 'payments' }),
});

/** Only its types are tried. */
export async function giveUp(record: RecordInput): Promise<never> {
  return deadLetter(record, { type: 'Permanent', message: record.messageId, attempts: 0 });
}

const isUsageError = new UsageError('') instanceof Error;
console.log(JSON.stringify({ taskQueue: stream.taskQueue, isUsageError }));
