import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type {
  Disposition,
  LetterProgress,
} from '../../../src/operations/dead-letters/state-entries';
import { decide, type DecideContext } from '../../../src/operations/replay/replay-decide';
import { testStream } from '../../domain/support/records';
import { letter, type LetterOptions } from '../support/letters';

/** A server that knows one workflow, whose latest run has this status. With `undefined` it knows none. */
function client(status?: string, { runId = 'latest', taskQueue = 'cloudsync-test' } = {}): Client {
  const describe = (workflowId: string) => () =>
    status === undefined
      ? Promise.reject(new WorkflowNotFoundError('gone', workflowId, undefined))
      : Promise.resolve({ workflowId, runId, taskQueue, status: { name: status } });
  return {
    workflow: { getHandle: (id: string) => ({ describe: describe(id) }) },
  } as unknown as Client;
}

/** What was done with every letter before. */
const known = (own: LetterProgress = {}, earlier: LetterProgress = {}, by?: Disposition) => ({
  progressOf: () => ({ own, earlier }),
  dispositionOf: () => by,
});
const context = (server: Client, given: Partial<DecideContext> = {}): DecideContext => ({
  ...{ client: server, stream: testStream(), maxReplays: 3, replay: 'r', states: known() },
  ...given,
});

const decided = (
  server: Client,
  options: LetterOptions = {},
  progress: LetterProgress = {},
  stream = testStream(),
) => decide(context(server, { stream, states: known(progress) }), letter({ stream, ...options }));

const source = { topic: 'topic', partition: 0, offset: 7 };
const underWay = { workflowId: 'test-42-7', runId: 'latest' };
const nope = { record: { value: Buffer.from('{nope') }, errorType: 'InvalidJson' };
const large = {
  record: { value: Buffer.from(JSON.stringify({ id: '42', more: 'x'.repeat(2 ** 21) })) },
  errorType: 'RecordTooLarge',
};
const replays = (count: string) => ({
  record: { headers: [['cloudsync-replays', Buffer.from(count)]] as [string, Buffer][] },
});
const refuse = (reason: string | RegExp) => ({
  action: 'refuse',
  reason: typeof reason === 'string' ? reason : (expect.stringMatching(reason) as string),
});

test.each(['FAILED', 'TIMED_OUT', 'TERMINATED', 'CANCELLED'])(
  'a record whose latest run is %s runs again',
  async (status) => {
    expect(await decided(client(status))).toEqual({ action: 'run', failed: underWay });
  },
);

test('a record whose latest run is running is refused', async () => {
  const refused = { ...refuse('its latest run is Running'), underWay };
  expect(await decided(client('RUNNING'))).toEqual(refused);
});

test('a record whose latest run is completed is refused, and delivered if the run is a later one', async () => {
  const refused = { ...refuse('its latest run is Completed'), underWay };
  const later = { ...refused, end: 'delivered' };
  expect(await decided(client('COMPLETED'))).toEqual(later);
  expect(await decided(client('COMPLETED'), { runId: 'latest' })).toEqual(refused);
});

test('a record whose workflow is gone is sent back', async () => {
  expect(await decided(client())).toEqual({ action: 'send', source });
});

test('a record whose workflow is gone after an earlier replay is refused, unless that replay saw it die', async () => {
  const started = { workflowId: 'test-42-7', runId: 'again' };
  const after = (earlier: LetterProgress) =>
    decide(context(client(), { states: known({}, earlier) }), letter());
  const refused = {
    ...refuse('replayed already: run again, which is gone'),
    ...{ underWay: started, end: 'delivered' },
  };
  expect(await after({ started })).toEqual(refused);
  expect(await after({ started, ended: 'delivered' })).toEqual(refused);
  expect(await after({ started, ended: 'deadAgain' })).toEqual({ action: 'send', source });
  // Nobody knows whether the earlier replay has started it.
  expect(await after({ starting: started })).toEqual({ action: 'send', source });
});

test.each(['Transient', 'SchemaMismatch'])(
  'a record of error type %s that the stream skips now is refused, with and without its workflow',
  async (errorType) => {
    const stream = testStream({ filter: () => false });
    const reason = "the stream skips its record now: the stream's filter returned false";
    for (const server of [client('FAILED'), client()]) {
      expect(await decided(server, { errorType }, {}, stream)).toEqual(refuse(reason));
    }
  },
);

describe('an invalid record', () => {
  test('is refused while it is still invalid, with and without its workflow', async () => {
    expect(await decided(client('FAILED'), nope)).toEqual(refuse(/^still invalid: InvalidJson/));
    expect(await decided(client(), nope)).toEqual(refuse(/^still invalid: InvalidJson/));
  });

  test('that has become valid runs again, or is sent back', async () => {
    const now = { errorType: 'SchemaMismatch' };
    expect(await decided(client('FAILED'), now)).toMatchObject({ action: 'run' });
    expect(await decided(client(), now)).toMatchObject({ action: 'send' });
    expect(await decided(client('COMPLETED'), now)).toMatchObject({ action: 'refuse' });
  });

  test('that its workflow has only by reference is sent back', async () => {
    const rejected = { errorType: 'RejectedByTemporal' };
    expect(await decided(client('FAILED'), rejected)).toEqual({ action: 'send', source });
  });

  test('that is too large for a workflow is sent back only in the chunk lane', async () => {
    expect(await decided(client('FAILED'), large)).toEqual(refuse(/RecordTooLarge/));
    const stream = testStream({ execution: { lane: 'chunk' } });
    expect(await decided(client('FAILED'), large, {}, stream)).toEqual({ action: 'send', source });
  });
});

test('a record that failed for another reason runs again, even if the schema refuses it now', async () => {
  const options = { ...nope, errorType: 'Permanent' };
  expect(await decided(client('FAILED'), options)).toMatchObject({ action: 'run' });
  expect(await decided(client(), options)).toEqual(refuse(/^still invalid/));
});

test('a record is sent back at most maxReplays times', async () => {
  expect(await decided(client(), replays('2'))).toMatchObject({ action: 'send' });
  expect(await decided(client(), replays('3'))).toEqual(refuse(/sent back 3 times/));
  // A forged negative count is ignored.
  expect(await decided(client(), replays('-5'))).toMatchObject({ action: 'send' });
});

test('a record that can not be sent back is refused with the reason', async () => {
  const header: [string, Buffer] = ['cloudsync-content-expired', Buffer.from('true')];
  const without = { record: { value: null, headers: [header] } };
  expect(await decided(client(), without)).toEqual(refuse(/does not contain its record/));
  const elsewhere = { record: { topic: 'old' } };
  expect(await decided(client(), elsewhere)).toEqual(refuse(/came from topic old/));
  const nowhere = { ...letter(), topic: null };
  expect(await decide(context(client()), nowhere)).toEqual(refuse(/where its record lay/));
});

test('a letter that may be forged is refused', async () => {
  const nameless = { ...letter(), workflowId: null };
  expect(await decide(context(client('FAILED')), nameless)).toEqual(refuse(/names no workflow/));
  const others = client('FAILED', { taskQueue: 'cloudsync-other' });
  expect(await decided(others)).toEqual(refuse(/task queue cloudsync-other/));
  const invalid = Object.assign(new Error('too long'), { code: 3 });
  const picky = {
    workflow: { getHandle: () => ({ describe: () => Promise.reject(invalid) }) },
  } as unknown as Client;
  expect(await decided(picky)).toEqual(refuse(/could exist/));
});

test('an unavailable server ends the plan', async () => {
  const away = Object.assign(new Error('away'), { code: 14 });
  const server = {
    workflow: { getHandle: () => ({ describe: () => Promise.reject(away) }) },
  } as unknown as Client;
  await expect(decided(server)).rejects.toThrow('away');
});

describe('after a stop', () => {
  const failed = { workflowId: 'test-42-7', runId: 'before' };
  const started = { workflowId: 'test-42-7', runId: 'new' };

  test('a letter that is done by the log is done', async () => {
    expect(await decided(client('FAILED'), {}, { starting: failed, started })).toEqual({
      ...{ action: 'done', outcome: 'replayed', underWay: started },
    });
    const sent = { topic: 'topic', partition: 0, offset: 9 };
    expect(await decided(client(), {}, { sent, ended: 'deadAgain' })).toEqual({
      ...{ action: 'done', outcome: 'sentBack', end: 'deadAgain' },
      underWay: { sentTo: sent, timestamp: 1_700_000_000_123 },
    });
  });

  test('a run that may have been started is recognized by its run id', async () => {
    const progress = { starting: failed };
    expect(await decided(client('RUNNING'), {}, progress)).toEqual({
      ...{ action: 'done', outcome: 'replayed', underWay },
    });
    const unchanged = client('FAILED', { runId: 'before' });
    expect(await decided(unchanged, {}, progress)).toEqual({ action: 'run', failed });
    expect(await decided(client(), {}, progress)).toEqual(refuse(/does not say/));
  });
});
