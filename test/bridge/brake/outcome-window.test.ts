import fc from 'fast-check';
import { OutcomeWindow } from '../../../src/bridge/brake/outcome-window';
import { DEFAULT_BRAKE_LIMITS } from '../../../src/domain/stream/brake';

/** Under these limits any dead letter is a reason to brake, so `excess` shows the counts. */
const any = { ...DEFAULT_BRAKE_LIMITS, minimum: 1, share: 0.01, invalidShare: 0.01 };

test('excess counts the dead letters within the window, and names their most frequent error type', () => {
  const outcomes = new OutcomeWindow(60_000);
  expect(outcomes.excess(any, 0)).toBeUndefined();
  outcomes.delivered(3, 1_000);
  for (const type of ['Transient', 'Permanent', 'Permanent']) outcomes.deadLettered(type, 2_000);
  outcomes.deadLettered('Transient', 61_000);
  const all = { deadLetters: 4, share: 4 / 4, errorType: 'Transient' };
  expect(outcomes.excess(any, 61_000)).toEqual(all);
  expect(outcomes.excess(any, 60_500)?.deadLetters).toBe(4);
  outcomes.clear();
  expect(outcomes.excess(any, 61_000)).toBeUndefined();
});

test('the window counts dead letters like a full list of them, with an error of at most one slice', () => {
  const events = fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 30_000 }), dead: fc.boolean() }),
    { maxLength: 50 },
  );
  fc.assert(
    fc.property(events, (all) => {
      const outcomes = new OutcomeWindow(60_000);
      let now = 0;
      const dead: number[] = [];
      for (const { after, dead: isDead } of all) {
        now += after;
        if (isDead) dead.push(now);
        if (isDead) outcomes.deadLettered('Transient', now);
        else outcomes.delivered(1, now);
      }
      const within = (ms: number) => dead.filter((at) => at > now - ms).length;
      const deadLetters = outcomes.excess(any, now)?.deadLetters ?? 0;
      expect(deadLetters).toBeGreaterThanOrEqual(within(58_000));
      expect(deadLetters).toBeLessThanOrEqual(within(60_001));
    }),
  );
});

test.each([
  ['49 dead letters and nothing else', { dead: 49 }, undefined],
  ['50 dead letters and nothing else', { dead: 50 }, 'Transient'],
  ['50 dead letters and 51 deliveries', { dead: 50, delivered: 51 }, undefined],
  ['50 dead letters and 50 deliveries', { dead: 50, delivered: 50 }, 'Transient'],
  [
    '50 dead letters, 50 deliveries, many invalid',
    { dead: 50, delivered: 50, invalid: 500 },
    'Transient',
  ],
  ['as many invalid records as deliveries', { invalid: 1_500, delivered: 1_500 }, undefined],
  ['49 invalid records and nothing else', { invalid: 49 }, undefined],
  ['50 invalid records and nothing else', { invalid: 50 }, 'SchemaMismatch'],
  ['nine invalid records for a delivery', { invalid: 90, delivered: 10 }, 'SchemaMismatch'],
  ['less than nine invalid records for a delivery', { invalid: 89, delivered: 10 }, undefined],
  ['invalid records that hide a few dead letters', { invalid: 900, dead: 49 }, 'SchemaMismatch'],
])(
  'excess decides by the limits whether to brake for %s',
  (_, counts: { dead?: number; delivered?: number; invalid?: number }, errorType) => {
    const { dead = 0, delivered = 0, invalid = 0 } = counts;
    const outcomes = new OutcomeWindow(60_000);
    for (let i = 0; i < dead; i++) outcomes.deadLettered('Transient', 0);
    for (let i = 0; i < invalid; i++) outcomes.invalid('SchemaMismatch', 0);
    outcomes.delivered(delivered, 0);
    expect(outcomes.excess(DEFAULT_BRAKE_LIMITS, 0)?.errorType).toBe(errorType);
  },
);
