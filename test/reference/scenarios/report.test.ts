import type { Totals } from '../../../src/reference/scenarios/observe';
import { judge, resultTable } from '../../../src/reference/scenarios/report';
import type { Scenario } from '../../../src/reference/scenarios/scenarios';

const scenario: Scenario = { name: 'steady', title: 'two messages', sends: [] };
const expected = { messages: 2, delivered: 1, duplicates: 3, deadLetters: 1 };
const seen: Totals = {
  messages: 2,
  delivered: 1,
  missing: 0,
  double: 0,
  deadLetters: 1,
  retries: 5,
  duplicates: { recent: 1, workflowId: 1, sink: 1 },
};

test('judge accepts the expected totals', () => {
  expect(judge(scenario, 'aws', expected, seen).ok).toBe(true);
});

test.each<[string, Partial<Totals>]>([
  ['one message fewer', { messages: 1 }],
  ['none delivered', { delivered: 0 }],
  ['one missing', { missing: 1 }],
  ['one double message', { double: 1 }],
  ['no dead letter', { deadLetters: 0 }],
  ['a dead letter more', { deadLetters: 2 }],
  ['a duplicate fewer', { duplicates: { recent: 1, workflowId: 0, sink: 1 } }],
  ['a duplicate more', { duplicates: { recent: 1, workflowId: 2, sink: 1 } }],
])('judge rejects totals with %s', (_, change) => {
  const result = judge(scenario, 'aws', expected, { ...seen, ...change });
  expect(result.ok).toBe(false);
  expect(resultTable([result])).toContain('NOT AS EXPECTED');
});

const more = { ...seen, duplicates: { recent: 9, workflowId: 0, sink: 0 } };

test('judge accepts more duplicates and dead letters after a kill, but not fewer', () => {
  const kill = { ...scenario, kill: true };
  expect(judge(kill, 'aws', expected, more).ok).toBe(true);
  expect(judge(kill, 'aws', expected, { ...seen, deadLetters: 2 }).ok).toBe(true);
  expect(judge(kill, 'aws', expected, { ...seen, deadLetters: 0 }).ok).toBe(false);
  const fewer = { ...seen, duplicates: { recent: 2, workflowId: 0, sink: 0 } };
  expect(judge(kill, 'aws', expected, fewer).ok).toBe(false);
});

test('judge ignores duplicates and dead letters of other senders, and counts its own', () => {
  const others = { alone: false };
  expect(judge(scenario, 'aws', expected, { ...more, deadLetters: 9 }, others).ok).toBe(true);
  expect(judge(scenario, 'aws', expected, { ...more, deadLetters: 0 }, others).ok).toBe(false);
  expect(judge(scenario, 'aws', expected, { ...more, delivered: 2 }, others).ok).toBe(false);
});

test('the table shows seen and expected totals', () => {
  const table = resultTable([judge(scenario, 'aws', expected, seen)]);
  expect(table.split('\n')[1]).toMatch(
    /^steady +aws +2\/2 +1\/1 +3\/3 +1 +1 +1 +5 +1\/1 +0 +0 +ok$/,
  );
});
