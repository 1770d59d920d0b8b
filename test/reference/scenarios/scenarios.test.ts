import { expectation, idempotencyScenarios } from '../../../src/reference/scenarios/scenarios';

const never = () => false;

test('there are six scenarios with their expected totals', () => {
  const seen = idempotencyScenarios('x-').map((scenario) => [
    scenario.name,
    scenario.sends.length,
    expectation(scenario, never),
  ]);
  expect(seen).toEqual([
    ['steady', 20, { messages: 20, delivered: 20, duplicates: 0, deadLetters: 0 }],
    ['fast', 50, { messages: 50, delivered: 50, duplicates: 0, deadLetters: 0 }],
    ['at once', 5, { messages: 1, delivered: 1, duplicates: 4, deadLetters: 0 }],
    ['later', 3, { messages: 1, delivered: 1, duplicates: 2, deadLetters: 0 }],
    ['three producers', 30, { messages: 10, delivered: 10, duplicates: 20, deadLetters: 0 }],
    ['mixed', 237, { messages: 200, delivered: 200, duplicates: 37, deadLetters: 0 }],
  ]);
});

test('every message id has the prefix, and sends are in order of time', () => {
  for (const { sends } of idempotencyScenarios('run-7-')) {
    expect(sends.every(({ id }) => id.startsWith('run-7-'))).toBe(true);
    expect(sends.map(({ atMs }) => atMs)).toEqual(
      sends.map(({ atMs }) => atMs).sort((a, b) => a - b),
    );
  }
});

test('each copy of a message that fails permanently is expected as a dead letter', () => {
  const [, , atOnce] = idempotencyScenarios('');
  expect(expectation(atOnce!, () => true)).toEqual({
    messages: 1,
    delivered: 0,
    duplicates: 0,
    deadLetters: 5,
  });
});
