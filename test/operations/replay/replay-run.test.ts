import { type Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, RetryState } from '@temporalio/common';
import { refusal } from '../../kafka/support/refusal';
import type { Kafka } from '../../../src/kafka/kafka';
import type { RecordReader } from '../../../src/kafka/reader';
import type { AnyStream } from '../../../src/domain/stream/stream';
import type { LetterProgress } from '../../../src/operations/dead-letters/state-entries';
import type { Decision } from '../../../src/operations/replay/replay-decide';
import type { Letter } from '../../../src/operations/replay/replay-letters';
import { runReplay, type ReplayContext } from '../../../src/operations/replay/replay-run';
import { fakeEnds } from '../../kafka/support/fake-ends';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { letter, letterRecord } from '../support/letters';

/** Both servers in memory: a topic of one partition, and workflows that run again. */
class Servers {
  readonly topic = Array.from({ length: 10 }, (_, offset) => kafkaRecord({ offset }));
  /** Effects and steps of the journal, in order. */
  readonly events: string[] = [];
  /** The results that the journal was given. */
  readonly results: string[] = [];
  readonly started: string[] = [];
  /** The end of a workflow that runs again. Default: delivered. */
  ends: (workflowId: string) => Promise<unknown> = () => Promise.resolve({ outcome: 'delivered' });
  /** Called before a record arrives on the topic. */
  beforeSend: () => void = () => undefined;
  readonly stop = new AbortController();

  context(given: Partial<ReplayContext> = {}): ReplayContext {
    return {
      kafka: this.#kafka(),
      client: this.#client(),
      stream: testStream(),
      reader: this.#reader(),
      journal: {
        write: ({ deadLetter }: Letter, step: LetterProgress) => {
          this.events.push(`${Object.keys(step).join()} ${deadLetter.offset}`);
          return Promise.resolve();
        },
        sendBack: ({ deadLetter }, _, { topic, partition }) => {
          this.beforeSend();
          const offset = this.topic.length;
          this.topic.push(kafkaRecord({ offset }));
          this.events.push(`sent ${deadLetter.offset}`);
          return Promise.resolve({ topic, partition, offset });
        },
        result: ({ letter: { deadLetter }, outcome }) => {
          this.results.push(`${outcome} ${deadLetter.offset}`);
          return Promise.resolve();
        },
      },
      wait: false,
      signal: this.stop.signal,
      ...given,
    };
  }

  #kafka(): Kafka {
    const end = () => this.topic.length;
    return fakeEnds(() => [{ partition: 0, low: 0, stable: end(), high: end() }]);
  }

  #reader(): RecordReader {
    const topic = this.topic;
    return {
      async *read(name, _, from, to) {
        for (let offset = from; offset < to; offset++) {
          yield await Promise.resolve(
            name === 'dead' ? letterRecord({ at: offset }) : topic[offset]!,
          );
        }
      },
      earliest: () => Promise.resolve(0),
      close: () => Promise.resolve(),
    };
  }

  #client(): Client {
    const describe = (workflowId: string) => ({
      ...{ workflowId, runId: 'before', taskQueue: 'cloudsync-test', status: { name: 'FAILED' } },
    });
    const attributes = { workflowExecutionStartedEventAttributes: {} };
    return {
      options: { namespace: 'default', identity: 'test' },
      workflow: {
        getHandle: (workflowId: string) => ({
          describe: () => Promise.resolve(describe(workflowId)),
          result: () => this.ends(workflowId),
        }),
      },
      workflowService: {
        getWorkflowExecutionHistory: () => Promise.resolve({ history: { events: [attributes] } }),
        startWorkflowExecution: ({ workflowId }: { workflowId: string }) => {
          this.events.push('start');
          this.started.push(workflowId);
          return Promise.resolve({ runId: 'new' });
        },
      },
    } as unknown as Client;
  }
}

const again = (one: Letter): { letter: Letter; decision: Decision } => ({
  letter: one,
  decision: { action: 'run', failed: { workflowId: one.workflowId!, runId: 'before' } },
});
const back = (one: Letter): { letter: Letter; decision: Decision } => ({
  letter: one,
  decision: { action: 'send', source: { topic: 'topic', partition: 0, offset: 7 } },
});
const plan = (...queues: ReturnType<typeof again>[][]) => ({ queues, superseded: [] });
const at = (offset: number) => letter({ at: offset, record: { offset }, workflowId: `w${offset}` });
const inOrder: AnyStream = { ...testStream(), ordering: 'key' };
const deadAgain = () =>
  Promise.reject(
    new WorkflowFailedError(
      'failed',
      ApplicationFailure.nonRetryable('no', 'Permanent'),
      RetryState.NON_RETRYABLE_FAILURE,
    ),
  );

let servers: Servers;
beforeEach(() => (servers = new Servers()));
afterEach(() => servers.stop.abort());

test('runReplay writes a step before a start, one after it, and the result', async () => {
  const results = await runReplay(servers.context(), plan([again(at(1))]));
  expect(results).toMatchObject([{ outcome: 'replayed', underWay: { runId: 'new' } }]);
  const [result] = await runReplay(servers.context(), plan([back(at(2))]));
  expect(result).toMatchObject({
    outcome: 'sentBack',
    underWay: { sentTo: { topic: 'topic', partition: 0, offset: 10 } },
  });
  expect(servers.events).toEqual(['starting 1', 'start', 'started 1', 'sent 2']);
  expect(servers.results).toEqual(['replayed 1', 'sentBack 2']);
});

test('runReplay starts nothing if the step before it can not be written', async () => {
  const journal = {
    ...servers.context().journal,
    write: () => Promise.reject(new Error('fenced')),
  };
  const running = runReplay(servers.context({ journal }), plan([again(at(1))]));
  await expect(running).rejects.toThrow('fenced');
  expect(servers.events).toEqual([]);
});

test('a record that the broker refuses is a failure with the reason, and others continue', async () => {
  let first = true;
  servers.beforeSend = () => {
    if (first) {
      first = false;
      throw refusal('MESSAGE_TOO_LARGE');
    }
  };
  expect(await runReplay(servers.context(), plan([back(at(2)), back(at(3))]))).toMatchObject([
    {
      outcome: 'failed',
      reason: expect.stringMatching(/^topic did not accept the record: /) as string,
    },
    { outcome: 'sentBack' },
  ]);
  expect(servers.results).toEqual(['failed 2', 'sentBack 3']);
});

test('a send whose end is not known ends the attempt, so that the next one looks at the topic', async () => {
  servers.beforeSend = () => {
    throw new Error('no answer');
  };
  await expect(runReplay(servers.context(), plan([back(at(2))]))).rejects.toThrow('no answer');
  expect(servers.results).toEqual([]);
});

test('later letters of a queue wait in a stream with an order, and other queues continue', async () => {
  servers.ends = (id) => (id === 'w2' ? deadAgain() : Promise.resolve({ outcome: 'delivered' }));
  const queues = plan(
    [1, 2, 3, 4].map((n) => again(at(n))),
    [again(at(5))],
  );
  const results = await runReplay(servers.context({ stream: inOrder }), queues);
  expect(results.map(({ outcome, end }) => [outcome, end])).toEqual([
    ['replayed', 'delivered'],
    ['replayed', 'deadAgain'],
    ['waiting', undefined],
    ['waiting', undefined],
    ['replayed', 'delivered'],
  ]);
  expect(results[1]!.reason).toBe('Permanent: no');
  expect(servers.started.sort()).toEqual(['w1', 'w2', 'w5']);
});

test('the next letter of a queue begins only when the previous one has ended', async () => {
  let end: (value: unknown) => void = () => undefined;
  const first = new Promise((resolve) => (end = resolve));
  servers.ends = (id) => (id === 'w1' ? first : Promise.resolve({}));
  const running = runReplay(
    servers.context({ stream: inOrder }),
    plan([again(at(1)), again(at(2))], [again(at(3))]),
  );
  while (!servers.events.includes('ended 3')) await new Promise(setImmediate);
  expect(servers.started).toEqual(['w1', 'w3']);
  end({ outcome: 'delivered' });
  expect(await running).toHaveLength(3);
  expect(servers.started).toEqual(['w1', 'w3', 'w2']);
});

test.each<[string, Decision, boolean]>([
  ['is still dead', { action: 'refuse', reason: 'still invalid' }, true],
  [
    'has been delivered since',
    {
      action: 'refuse',
      reason: 'its latest run is Completed',
      underWay: { workflowId: 'w1', runId: 'r' },
    },
    false,
  ],
  [
    'was replayed before a stop',
    { action: 'done', outcome: 'replayed', underWay: { workflowId: 'w1', runId: 'r' } },
    false,
  ],
  [
    'died again before a stop',
    {
      action: 'done',
      outcome: 'replayed',
      underWay: { workflowId: 'w1', runId: 'r' },
      end: 'deadAgain',
    },
    true,
  ],
])('a letter of a queue waits or not behind a record that %s', async (_, decision, waits) => {
  const queue = [{ letter: at(1), decision }, again(at(2))];
  const results = await runReplay(servers.context({ stream: inOrder }), plan(queue));
  expect(results[1]!.outcome).toBe(waits ? 'waiting' : 'replayed');
});

test('a letter without a further step does not wait behind a dead record or after a stop', async () => {
  const dead = { letter: at(1), decision: { action: 'refuse', reason: 'still invalid' } as const };
  const home = { letter: at(2), decision: { action: 'refuse', reason: 'completed' } as const };
  const queues = () => plan([dead, home, again(at(3))]);
  const context = servers.context({ stream: inOrder });
  const outcomes = async () =>
    (await runReplay(context, queues())).map(({ outcome, reason }) => reason ?? outcome);
  expect(await outcomes()).toEqual([
    'still invalid',
    'completed',
    'it waits for the record of dead/0@1, which must be delivered first',
  ]);
  servers.stop.abort();
  expect((await outcomes()).slice(0, 2)).toEqual(['still invalid', 'completed']);
  expect(servers.started).toEqual([]);
});

test('a stop ends the wait for running workflows, and no further letter begins', async () => {
  servers.ends = () => {
    servers.stop.abort();
    return new Promise(() => undefined);
  };
  const queues = plan([again(at(1)), again(at(2)), back(at(3))]);
  const results = await runReplay(servers.context({ stream: inOrder }), queues);
  expect(results.map(({ outcome }) => outcome)).toEqual(['replayed', 'waiting', 'waiting']);
  expect(results[0]).not.toHaveProperty('end');
  expect(servers.events).toEqual(['starting 1', 'start', 'started 1']);
});

test('a stop ends the wait of the rate limit', async () => {
  const some = Array.from({ length: 16 }, (_, n) => [again(at(n))]);
  const running = runReplay(servers.context({ rate: 1 }), plan(...some));
  while (servers.started.length === 0) await new Promise(setImmediate);
  servers.stop.abort();
  const outcomes = (await running).map(({ outcome }) => outcome);
  expect(outcomes.filter((one) => one === 'waiting').length).toBeGreaterThan(0);
  expect(servers.started.length).toBe(outcomes.filter((one) => one === 'replayed').length);
});

test('a record whose end can not be read stays replayed', async () => {
  servers.ends = () => Promise.reject(new Error('server away'));
  expect(await runReplay(servers.context({ wait: true }), plan([again(at(1))]))).toMatchObject([
    { outcome: 'replayed', reason: 'its end is not known: server away' },
  ]);
});

test('a record that was invalid has the end of its next workflow', async () => {
  servers.ends = (id) =>
    id === 'w1' ? Promise.resolve({ outcome: 'revalidated', workflowId: 'w2' }) : deadAgain();
  expect(await runReplay(servers.context({ wait: true }), plan([again(at(1))]))).toMatchObject([
    { outcome: 'replayed', end: 'deadAgain' },
  ]);
});

test('replaced letters are named together with the letter that replaces them', async () => {
  const superseded: [Letter, Letter][] = [[at(1), at(2)]];
  expect(await runReplay(servers.context(), { queues: [], superseded })).toMatchObject([
    { outcome: 'superseded', reason: 'replaced by dead/0@2' },
  ]);
});
