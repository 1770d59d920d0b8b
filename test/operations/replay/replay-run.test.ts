import { type Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, RetryState } from '@temporalio/common';
import type { Kafka } from '../../../src/kafka/kafka';
import type { RecordReader } from '../../../src/kafka/reader';
import type { AnyStream } from '../../../src/domain/stream/stream';
import type { LetterEvent } from '../../../src/operations/replay/replay-audit';
import type { Decision } from '../../../src/operations/replay/replay-decide';
import type { Letter } from '../../../src/operations/replay/replay-letters';
import { runReplay, type ReplayContext } from '../../../src/operations/replay/replay-run';
import { fakeEnds } from '../../kafka/support/fake-ends';
import { sentHeaders } from '../../activities/support/sent-message';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { letter, letterRecord } from '../support/letters';

/** Both servers, in memory: a topic of one partition, and workflows that are started again. */
class Servers {
  readonly topic = Array.from({ length: 10 }, (_, offset) => kafkaRecord({ offset }));
  /** What was done and what was logged, in order. */
  readonly events: string[] = [];
  readonly started: string[] = [];
  /** How a workflow that was started again ends; default: well. */
  ends: (workflowId: string) => Promise<unknown> = () => Promise.resolve({ outcome: 'delivered' });
  /** Before a record arrives, and after. */
  beforeSend: () => void = () => undefined;
  afterSend: () => void = () => undefined;
  readonly stop = new AbortController();

  context(given: Partial<ReplayContext> = {}): ReplayContext {
    return {
      kafka: this.#kafka(),
      client: this.#client(),
      stream: testStream(),
      producer: {
        send: ({ messages }) => {
          this.events.push('send');
          this.beforeSend();
          const [{ headers }] = messages as [(typeof messages)[number]];
          const offset = this.topic.length;
          this.topic.push(kafkaRecord({ offset, headers: sentHeaders(headers) }));
          this.afterSend();
          return Promise.resolve([
            { topicName: 'topic', partition: 0, errorCode: 0, baseOffset: String(offset) },
          ]);
        },
      },
      reader: this.#reader(),
      log: {
        write: ({ deadLetter }: Letter, { event }: LetterEvent) => {
          this.events.push(`${event} ${deadLetter.offset}`);
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

test('each effect has a line before it and one after it', async () => {
  const results = await runReplay(servers.context(), plan([again(at(1))]));
  expect(results).toMatchObject([{ outcome: 'replayed', underWay: { runId: 'new' } }]);
  await runReplay(servers.context(), plan([back(at(2))]));
  expect(servers.events).toEqual([
    ...['starting 1', 'start', 'started 1'],
    ...['sending 2', 'send', 'sent 2'],
  ]);
});

test('without its line there is no effect', async () => {
  const log = { write: () => Promise.reject(new Error('disk full')) };
  for (const planned of [again(at(1)), back(at(2))]) {
    await expect(runReplay(servers.context({ log }), plan([planned]))).rejects.toThrow('disk full');
  }
  expect(servers.events).toEqual([]);
});

test('a send without an answer that has arrived is found, and not repeated', async () => {
  servers.afterSend = () => {
    throw new Error('no answer');
  };
  const [result] = await runReplay(servers.context(), plan([back(at(2))]));
  expect(result).toMatchObject({
    outcome: 'sentBack',
    underWay: { sentTo: { topic: 'topic', partition: 0, offset: 10 } },
  });
  expect(servers.events).toEqual(['sending 2', 'send', 'sent 2']);
});

test('a send that has not arrived is a failure that says why', async () => {
  servers.beforeSend = () => {
    throw new Error('no leader');
  };
  expect(await runReplay(servers.context(), plan([back(at(2))]))).toMatchObject([
    { outcome: 'failed', reason: 'topic did not accept the record: no leader' },
  ]);
  expect(servers.events).toEqual(['sending 2', 'send', 'left 2']);
});

test('in a stream in order the later ones of a queue wait, and other queues go on', async () => {
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

test('the next of a queue begins only when the one before has ended', async () => {
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
])('in order, behind a record that %s', async (_, decision, waits) => {
  const queue = [{ letter: at(1), decision }, again(at(2))];
  const results = await runReplay(servers.context({ stream: inOrder }), plan(queue));
  expect(results[1]!.outcome).toBe(waits ? 'waiting' : 'replayed');
});

test('what needs nothing does not wait behind a record that is still dead, nor after a stop', async () => {
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

test('a stop ends the wait for what is under way, and nothing more begins', async () => {
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

test('a stop while it waits for its turn by rate', async () => {
  const some = Array.from({ length: 16 }, (_, n) => [again(at(n))]);
  const running = runReplay(servers.context({ rate: 1 }), plan(...some));
  while (servers.started.length === 0) await new Promise(setImmediate);
  servers.stop.abort();
  const outcomes = (await running).map(({ outcome }) => outcome);
  expect(outcomes.filter((one) => one === 'waiting').length).toBeGreaterThan(0);
  expect(servers.started.length).toBe(outcomes.filter((one) => one === 'replayed').length);
});

test('an end that can not be known leaves the record replayed', async () => {
  servers.ends = () => Promise.reject(new Error('server away'));
  expect(await runReplay(servers.context({ wait: true }), plan([again(at(1))]))).toMatchObject([
    { outcome: 'replayed', reason: 'its end is not known: server away' },
  ]);
});

test('a record that was invalid has the end of the workflow in which it goes on', async () => {
  servers.ends = (id) =>
    id === 'w1' ? Promise.resolve({ outcome: 'revalidated', workflowId: 'w2' }) : deadAgain();
  expect(await runReplay(servers.context({ wait: true }), plan([again(at(1))]))).toMatchObject([
    { outcome: 'replayed', end: 'deadAgain' },
  ]);
});

test('letters that count no more are named with the one in their place', async () => {
  const superseded: [Letter, Letter][] = [[at(1), at(2)]];
  expect(await runReplay(servers.context(), { queues: [], superseded })).toMatchObject([
    { outcome: 'superseded', reason: 'replaced by dead/0@2' },
  ]);
});
