import type { Client } from '@temporalio/client';
import { traceStream } from '../../../src/operations/trace/trace-stream';
import { findChunk, MAX_SEARCHED } from '../../../src/operations/runs/workflow-search';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { testStream } from '../../domain/support/records';

const stream: AnyStream = {
  ...testStream(),
  execution: { ...testStream().execution, lane: 'chunk' } as AnyStream['execution'],
};

/** A server with `chunks` chunks of one record each, the newest first. */
function clientWith(chunks: number): Client {
  return {
    workflow: {
      async *list({ query }: { query: string }) {
        if (!query.includes('-chunk-')) return;
        for (let offset = chunks - 1; offset >= 0; offset--) {
          const workflowId = `${stream.name}-chunk-topic-0-${offset}`;
          const memo = { topic: 'topic', partition: 0, first: offset, last: offset };
          yield await Promise.resolve({ workflowId, runId: `r${offset}`, memo });
        }
      },
    },
  } as unknown as Client;
}
const place = { topic: 'topic', partition: 0, offset: 0 };

test('findChunk finds the chunk of a record among others, or none', async () => {
  expect(await findChunk(clientWith(3), stream, place)).toMatchObject({ chunk: { runId: 'r0' } });
  expect(await findChunk(clientWith(0), stream, place)).toEqual({ complete: true });
});

test('findChunk returns a chunk of another log only if this log has none', async () => {
  const isOther = () => true;
  expect(await findChunk(clientWith(3), stream, place, isOther)).toMatchObject({
    ...{ chunk: { runId: 'r0' }, complete: true },
  });
  const twice = {
    workflow: {
      async *list() {
        for (const topicId of ['old', 'new']) {
          const workflowId = `${stream.name}-chunk-topic-0-0`;
          const memo = { topic: 'topic', partition: 0, first: 0, last: 0, topicId };
          yield await Promise.resolve({ workflowId, runId: topicId, memo });
        }
      },
    },
  } as unknown as Client;
  const isOld = ({ topicId }: Record<string, unknown>) => topicId === 'old';
  expect(await findChunk(twice, stream, place, isOld)).toMatchObject({ chunk: { runId: 'new' } });
});

test('traceStream says that it has given up the search for a chunk', async () => {
  const known = { messageId: null, place, records: [], deadLetters: [], scanned: true };
  const { verdict, notLookedAt } = await traceStream(clientWith(MAX_SEARCHED + 1), stream, known);
  expect(verdict).toBe('unknown');
  expect(notLookedAt).toEqual([
    `chunks of topic/0@0 beyond the newest ${MAX_SEARCHED} of its partition`,
  ]);
});
