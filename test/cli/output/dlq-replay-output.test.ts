import { reportPlan, reportResults } from '../../../src/cli/output/dlq-replay-output';
import type { LetterResult } from '../../../src/operations/replay/replay-journal';
import { testStream } from '../../domain/support/records';
import { letter } from '../../operations/support/letters';

const hostile = 'x\u001b[2J\u009b31m';
const dead = letter({
  at: 5,
  record: { value: Buffer.from(JSON.stringify({ id: hostile })) },
});
const completed = { workflowId: 'w', runId: 'r' };

let written: string;
beforeEach(() => {
  written = '';
  for (const stream of [process.stdout, process.stderr]) {
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
  }
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

test.each<[string, Partial<LetterResult>, boolean, 1 | undefined]>([
  ['replayed', { outcome: 'replayed', end: 'delivered' }, false, undefined],
  ['sent back', { outcome: 'sentBack' }, false, undefined],
  ['dead again', { outcome: 'replayed', end: 'deadAgain' }, false, 1],
  ['failed', { outcome: 'failed' }, false, 1],
  ['waiting', { outcome: 'waiting' }, false, 1],
  ['left dead', { outcome: 'refused', reason: 'still invalid' }, false, 1],
  ['taken care of', { outcome: 'refused', underWay: completed }, false, undefined],
  ['taken care of, but named', { outcome: 'refused', underWay: completed }, true, 1],
  ['at the sink already', { outcome: 'refused', end: 'delivered' }, false, undefined],
  ['superseded', { outcome: 'superseded' }, true, undefined],
])('the exit code follows the result of the letters: %s', (_, result, named, exitCode) => {
  const results = [{ letter: dead, ...result } as LetterResult];
  reportResults(testStream(), results, { named, json: true });
  expect(process.exitCode).toBe(exitCode);
});

test('--json prints one document with the counts, and with each letter as dlq list prints it', () => {
  const sentTo = { topic: 'topic', partition: 0, offset: 90 };
  const results: LetterResult[] = [
    { letter: dead, outcome: 'sentBack', underWay: { sentTo, timestamp: 1 }, end: 'delivered' },
    { letter: dead, outcome: 'refused', reason: 'still invalid: x' },
  ];
  reportResults(testStream(), results, { named: false, json: true, log: 'log.ndjson' });
  const { records, ...counts } = JSON.parse(written) as { records: object[] };
  expect(counts).toEqual({
    ...{ stream: 'test', replayed: 0, sentBack: 1, refused: 1, failed: 0, superseded: 0 },
    ...{ waiting: 0, delivered: 1, deadAgain: 0, log: 'log.ndjson', replay: null },
  });
  const entry = JSON.parse(
    JSON.stringify({ ...dead, name: undefined, content: undefined }),
  ) as object;
  expect(records).toEqual([
    { ...entry, outcome: 'sentBack', reason: null, end: 'delivered', newRunId: null, sentTo },
    {
      ...{ ...entry, outcome: 'refused', reason: 'still invalid: x' },
      ...{ end: null, newRunId: null, sentTo: null },
    },
  ]);
});

test('a dry run says what would be done, without control characters', () => {
  const plan = {
    queues: [
      [{ letter: dead, decision: { action: 'run' as const, failed: completed } }],
      [{ letter: dead, decision: { action: 'refuse' as const, reason: hostile } }],
    ],
    superseded: [],
  };
  reportPlan(testStream(), plan, false, {});
  expect(written).toContain('1 would run again, 0 would be sent back to topic');
  expect(written).toContain('wouldReplay');
  // eslint-disable-next-line no-control-regex
  expect(written.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
});
