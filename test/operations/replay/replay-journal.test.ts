import { refusal } from '../../kafka/support/refusal';
import type { SendInTransaction } from '../../../src/kafka/producer/transactional-producer';
import { LetterStates } from '../../../src/operations/dead-letters/letter-states';
import type { ProgressEntry } from '../../../src/operations/dead-letters/state-entries';
import { ReplayJournal } from '../../../src/operations/replay/replay-journal';
import { letter, letterRecord } from '../support/letters';

/** A broker that keeps what committed transactions have sent, by topic. */
class Broker {
  readonly topics = new Map<string, string[]>();
  transactions = 0;
  /** Called for each message before the broker takes it. */
  check: (topic: string, value: string) => void = () => undefined;
  commit: () => void = () => undefined;

  async transaction<T>(work: (send: SendInTransaction) => Promise<T>): Promise<T> {
    this.transactions++;
    const sent: [topic: string, value: string][] = [];
    const result = await work(async ({ topic, messages }) => {
      await Promise.resolve();
      for (const { value } of messages) {
        this.check(topic, String(value));
        sent.push([topic, String(value)]);
      }
      return { topicName: topic, partition: 0, errorCode: 0, baseOffset: String(sent.length) };
    });
    this.commit();
    for (const [topic, value] of sent) {
      this.topics.set(topic, [...(this.topics.get(topic) ?? []), value]);
    }
    return result;
  }

  entries(): ProgressEntry[] {
    const values = this.topics.get('test-dlq-state') ?? [];
    return values.map((value) => JSON.parse(value) as ProgressEntry);
  }
}

let broker: Broker;
let failures: number;
let journal: ReplayJournal;
beforeEach(() => {
  broker = new Broker();
  failures = 0;
  journal = new ReplayJournal(broker, { name: 'test' }, 'r', new LetterStates(), () => failures++);
});

const target = { topic: 'topic', partition: 0 };
const run = { workflowId: 'w', runId: 'new' };
const back = (at: number) => {
  const value = Buffer.from(`{"id":"${at}"}`);
  const record = letterRecord({ at, record: { value } });
  return journal.sendBack(letter({ at, record: { value } }), record, target);
};

test('an entry has all steps of its letter, each with what came before', async () => {
  await journal.write(letter({ at: 1 }), { starting: run });
  await journal.write(letter({ at: 1 }), { started: run });
  await journal.result({ letter: letter({ at: 1 }), outcome: 'replayed', underWay: run });
  expect(broker.entries()).toMatchObject([
    { letter: 'dead/0@1', runId: 'run-1', replay: 'r', starting: run },
    { starting: run, started: run },
    { starting: run, started: run, result: { outcome: 'replayed', underWay: run } },
  ]);
});

test('a result is written again only if it differs from what an earlier attempt has written', async () => {
  const done = { letter: letter({ at: 1 }), outcome: 'sentBack' } as const;
  await journal.result({ ...done, reason: 'topic/0@7' });
  await journal.result(done);
  expect(broker.entries()).toHaveLength(1);
  await journal.result({ ...done, end: 'delivered' });
  expect(broker.entries().map(({ result }) => result?.end)).toEqual([undefined, 'delivered']);
  const refused = { letter: letter({ at: 2 }), outcome: 'refused' } as const;
  await journal.result({ ...refused, reason: 'it is discarded' });
  await journal.result({ ...refused, reason: 'it names no workflow' });
  expect(broker.entries()).toHaveLength(4);
});

test('a record that is sent back and the entry that says so are one transaction', async () => {
  const place = await back(1);
  expect(place).toEqual({ topic: 'topic', partition: 0, offset: 1 });
  expect(broker.topics.get('topic')).toEqual(['{"id":"1"}']);
  expect(broker.entries()).toMatchObject([{ letter: 'dead/0@1', sent: place }]);
  expect(broker.transactions).toBe(1);
});

test('steps of the same moment share a transaction', async () => {
  await Promise.all([1, 2, 3].map(back));
  expect(broker.transactions).toBe(1);
  expect(broker.entries()).toHaveLength(3);
});

test('a record that the broker refuses keeps no other record back, and is not written as sent', async () => {
  broker.check = (_, value) => {
    if (value.includes('"id":"2"')) throw refusal('MESSAGE_TOO_LARGE');
  };
  const results = await Promise.allSettled([1, 2, 3].map(back));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(broker.topics.get('topic')).toEqual(['{"id":"1"}', '{"id":"3"}']);
  expect(broker.entries().map(({ letter }) => letter)).toEqual(['dead/0@1', 'dead/0@3']);
  expect(failures).toBe(0);
});

test('a transaction that fails as a whole ends the replay, and nothing counts as done', async () => {
  broker.commit = () => {
    throw refusal('PRODUCER_FENCED');
  };
  const results = await Promise.allSettled([1, 2].map(back));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(broker.topics.size).toBe(0);
  expect(failures).toBe(1);
  broker.commit = () => undefined;
  await expect(journal.write(letter({ at: 1 }), { starting: run })).rejects.toThrow();
});
