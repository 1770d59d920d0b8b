import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { endOf, type EndContext } from '../../../src/operations/replay/replay-end';
import { testStream } from '../../domain/support/records';

/** The offset that the group has committed, and the chunks in the server's lists. */
interface World {
  committed: number;
  chunks: { workflowId: string; status: string; first: number; last: number }[];
}

const inChunks: AnyStream = {
  ...testStream(),
  execution: { ...testStream().execution, lane: 'chunk' } as AnyStream['execution'],
};
const stop = new AbortController();
afterAll(() => stop.abort());

function context(world: World): EndContext {
  const client = {
    workflow: {
      async *list() {
        for (const { workflowId, status, first, last } of world.chunks) {
          const memo = { topic: 'topic', partition: 0, first, last };
          yield await Promise.resolve({ workflowId, runId: 'r', status: { name: status }, memo });
        }
      },
      getHandle: (workflowId: string) => ({
        describe: () => Promise.reject(new WorkflowNotFoundError('none', workflowId, undefined)),
        result: () => Promise.resolve({ delivered: 1 }),
      }),
    },
  };
  return {
    group: { committed: () => Promise.resolve(world.committed) },
    client: client as unknown as Client,
    stream: inChunks,
    signal: stop.signal,
  };
}

const sentTo = { topic: 'topic', partition: 0, offset: 7 };
const sent = { sentTo, timestamp: 1 };

test('a record below the commit whose chunk retention has removed counts as delivered', async () => {
  const end = await endOf(context({ committed: 8, chunks: [] }), '42', sent);
  expect(end).toEqual({ end: 'delivered' });
});

test("the end waits for a chunk that the server's lists do not show yet", async () => {
  const world: World = { committed: 7, chunks: [] };
  let ended = false;
  const end = endOf(context(world), '42', sent).finally(() => (ended = true));
  await new Promise((resolve) => setTimeout(resolve, 100));
  world.committed = 8;
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(ended).toBe(false);
  world.chunks.push({
    ...{ workflowId: `${inChunks.name}-chunk-topic-0-7`, status: 'COMPLETED', first: 7, last: 7 },
  });
  expect(await end).toEqual({ end: 'delivered' });
});
