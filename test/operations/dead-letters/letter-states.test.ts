import { LetterStates } from '../../../src/operations/dead-letters/letter-states';
import {
  cutReason,
  entryOfRecord,
  stateMessage,
  type Disposition,
  type ProgressEntry,
  type RunAgainEntry,
  type StateEntry,
} from '../../../src/operations/dead-letters/state-entries';
import { kafkaRecord } from '../../domain/support/records';

const letter = { name: 'dead/0@1', runId: 'run' };
const run = { workflowId: 'w', runId: 'new' };
const sent = { topic: 'topic', partition: 0, offset: 9 };

const progress = (given: Partial<ProgressEntry>): ProgressEntry => ({
  ...{ kind: 'progress', letter: letter.name, runId: letter.runId, replay: 'r' },
  at: '2026-01-02T00:00:00.000Z',
  ...given,
});
const disposition = (status: Disposition['status']): Disposition => ({
  ...{ kind: 'disposition', letter: letter.name, runId: letter.runId, status },
  ...{ at: '2026-01-02T00:00:00.000Z', by: 'me@here', reason: null },
});
const runAgain = (given: Partial<RunAgainEntry> = {}): RunAgainEntry => ({
  ...{ kind: 'runAgain', workflowId: 'w', runId: letter.runId, newRunId: 'new' },
  ...{ at: '2026-01-02T00:00:00.000Z', by: 'me@here' },
  ...given,
});
const audit: StateEntry = {
  ...{ kind: 'audit', id: '2026-a', at: '2026-01-02T00:00:00.000Z', by: 'ada', via: 'page' },
  ...{ action: 'pause', subject: null, reason: 'a release', outcome: 'done', detail: null },
};
const replay: StateEntry = {
  kind: 'replay',
  request: {
    ...{ stream: 's', replay: 'r', by: 'me@here', at: '2026-01-02T00:00:00.000Z' },
    ...{ deadLetterTopic: 'dead', ranges: [], filters: {}, maxReplays: 3, wait: false },
  },
  ...{ endedAt: null, stopped: false, counts: { sentBack: 1 } },
};

function states(...entries: StateEntry[]): LetterStates {
  const all = new LetterStates();
  entries.forEach((entry) => all.add(entry));
  return all;
}

test('entries have these keys and fields on the topic, which later versions must read', () => {
  const step = progress({ starting: run, started: run, sent, ended: 'delivered' });
  expect(stateMessage(step)).toEqual({
    key: 'progress dead/0@1 run r',
    value: JSON.stringify(step),
    partition: 0,
  });
  expect(stateMessage(disposition('discarded')).key).toBe('disposition dead/0@1 run');
  expect(stateMessage(replay).key).toBe('replay r');
  expect(stateMessage(audit).key).toBe('audit 2026-a');
  expect(stateMessage(runAgain()).key).toBe('runAgain run w');
  expect(stateMessage(progress({ runId: null })).key).toBe('progress dead/0@1 - r');
});

test('an entry is read back as it was written', () => {
  for (const entry of [progress({ sent }), disposition('open'), replay, audit, runAgain()]) {
    const value = Buffer.from(stateMessage(entry).value);
    expect(entryOfRecord(kafkaRecord({ value }))).toEqual(entry);
  }
});

test.each([
  ['no value', null],
  ['no JSON', Buffer.from('{nope')],
  ['an entry of a later version', Buffer.from('{"kind":"later","letter":"dead/0@1"}')],
  ['an entry that lacks a field', Buffer.from('{"kind":"disposition","letter":"dead/0@1"}')],
])('a record with %s is no entry', (_, value) => {
  expect(entryOfRecord(kafkaRecord({ value }))).toBeUndefined();
});

test('a forged run id of any length makes an entry of limited size', () => {
  const forged = { ...letter, runId: 'x'.repeat(2_000_000) };
  const message = stateMessage(progress({ runId: forged.runId }));
  expect(message.key.length + message.value.length).toBeLessThan(1_000);
  const read = entryOfRecord(kafkaRecord({ value: Buffer.from(message.value) }))!;
  expect(states(read).entryOf(forged, 'r')).toEqual(read);
  expect(cutReason('x'.repeat(2_000_000)).length).toBeLessThan(1_100);
});

test('a letter at the same position of a topic that was made anew has no entry', () => {
  const all = states(progress({ sent }), disposition('discarded'));
  const other = { ...letter, runId: 'other' };
  expect(all.entryOf(other, 'r')).toBeUndefined();
  expect(all.dispositionOf(other)).toBeUndefined();
  expect(all.statusOf(other, false)).toBe('open');
});

test('progressOf tells what this replay did from what others did', () => {
  const all = states(
    progress({ replay: 'first', started: run, ended: 'deadAgain', at: '2026-01-01T00:00:00Z' }),
    progress({ replay: 'second', sent, at: '2026-01-02T00:00:00Z' }),
    progress({ replay: 'own', starting: run, at: '2026-01-03T00:00:00Z' }),
  );
  const { own, earlier } = all.progressOf(letter, 'own');
  expect(own).toMatchObject({ starting: run });
  expect(earlier).toEqual({ started: run, sent, ended: 'deadAgain' });
  expect(all.progressOf(letter, 'none').own).toEqual({});
});

test.each<[string, string, StateEntry[]]>([
  ['open', 'nobody did anything', []],
  ['open', 'a replay refused it', [progress({ result: { outcome: 'refused' } })]],
  ['open', 'a replay was about to run it', [progress({ starting: run })]],
  ['replayed', 'it was run', [progress({ started: run })]],
  ['replayed', 'it was sent back', [progress({ sent })]],
  ['delivered', 'its record was delivered', [progress({ sent, ended: 'delivered' })]],
  [
    'delivered',
    'a replay found it delivered',
    [progress({ result: { outcome: 'refused', end: 'delivered' } })],
  ],
  ['replayed', 'its workflow was run again by hand', [runAgain()]],
  ['delivered', 'that run delivered it', [runAgain({ ended: 'delivered' })]],
  ['superseded', 'that run failed too', [runAgain({ ended: 'deadAgain' })]],
  ['open', 'the run of another letter was run again', [runAgain({ runId: 'other' })]],
  ['superseded', 'its record died again', [progress({ sent, ended: 'deadAgain' })]],
  ['discarded', 'somebody discarded it', [progress({ sent }), disposition('discarded')]],
  ['open', 'the discard was undone', [disposition('discarded'), disposition('open')]],
])('the status of a letter is %s if %s', (status, _, entries) => {
  expect(states(...entries).statusOf(letter, false)).toBe(status);
});

test('a workflow that was run again by hand counts as an earlier replay', () => {
  const { earlier } = states(runAgain({ ended: 'delivered' })).progressOf(letter, 'r');
  expect(earlier).toEqual({ started: run, ended: 'delivered' });
});

test('the last replay with an effect decides about the status', () => {
  const all = states(
    progress({ replay: 'b', sent, at: '2026-01-03T00:00:00Z' }),
    progress({ replay: 'a', started: run, ended: 'deadAgain', at: '2026-01-02T00:00:00Z' }),
    progress({ replay: 'c', result: { outcome: 'refused' }, at: '2026-01-04T00:00:00Z' }),
  );
  expect(all.statusOf(letter, false)).toBe('replayed');
  expect(all.statusOf(letter, true)).toBe('superseded');
});
