import type { Client } from '@temporalio/client';
import { SeenLog } from '../../../src/operations/trace/trace-log';
import { traceStream } from '../../../src/operations/trace/trace-stream';
import { kafkaRecord, testStream } from '../../domain/support/records';

const stream = testStream({ execution: { lane: 'chunk' } });
const record = kafkaRecord();
const { topic, partition } = record;

/** A server with one ended chunk of the offsets 0 to 1,000. */
function clientWithChunk(topicId: string): Client {
  const range = { topic, partition, first: 0, last: 1_000, firstRecord: 0 };
  const chunk = {
    ...{ workflowId: `${stream.name}-chunk-${topic}-${partition}-0`, runId: 'r' },
    ...{ type: 'deliverChunk', status: { name: 'COMPLETED' } },
    ...{ startTime: new Date(1), closeTime: new Date(2) },
    memo: { ...range, stream: stream.name, offset: 0, timestamp: 1, topicId, messageId: null },
  };
  return {
    workflow: {
      // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
      list: async function* () {
        yield chunk;
      },
      getHandle: () => ({ result: () => Promise.resolve({}) }),
    },
  } as unknown as Client;
}

const traced = (topicId: string) =>
  traceStream(clientWithChunk(topicId), stream, {
    ...{ messageId: 'm', place: undefined, records: [record], deadLetters: [], scanned: true },
    log: new SeenLog([record], { topicId: 'now' }),
  });

test('traceStream calls a record delivered if an ended chunk of this log covers it', async () => {
  expect(await traced('now')).toMatchObject({ runs: [{ otherLog: false }] });
  expect((await traced('now')).records).toMatchObject([{ verdict: 'delivered' }]);
});

test('traceStream ignores a chunk of another log for an unread message at its offset', async () => {
  const { verdict, records, runs } = await traced('before');
  expect(runs).toMatchObject([{ otherLog: true }]);
  expect([verdict, records[0]!.verdict]).toEqual(['unknown', 'unknown']);
});
