import fc from 'fast-check';
import { exceeds, Outcomes } from '../../src/bridge/outcomes';
import { DEFAULT_BRAKE_LIMITS } from '../../src/domain/brake';

test('counts what ended within the window, and which type was most frequent', () => {
  const outcomes = new Outcomes(60_000);
  expect(outcomes.rate(0)).toEqual({ deadLetters: 0, share: 0, errorType: '' });
  outcomes.delivered(3, 1_000);
  for (const type of ['Transient', 'Permanent', 'Permanent']) outcomes.deadLettered(type, 2_000);
  outcomes.deadLettered('Transient', 61_000);
  expect(outcomes.rate(61_000)).toEqual({ deadLetters: 4, share: 4 / 4, errorType: 'Transient' });
  expect(outcomes.rate(60_500).deadLetters).toBe(4);
  outcomes.clear();
  expect(outcomes.rate(61_000).deadLetters).toBe(0);
});

test('as a list of all that ended would, to the length of a slice', () => {
  const events = fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 30_000 }), dead: fc.boolean() }),
    { maxLength: 50 },
  );
  fc.assert(
    fc.property(events, (all) => {
      const outcomes = new Outcomes(60_000);
      let now = 0;
      const dead: number[] = [];
      for (const { after, dead: isDead } of all) {
        now += after;
        if (isDead) dead.push(now);
        if (isDead) outcomes.deadLettered('Transient', now);
        else outcomes.delivered(1, now);
      }
      const within = (ms: number) => dead.filter((at) => at > now - ms).length;
      const { deadLetters } = outcomes.rate(now);
      expect(deadLetters).toBeGreaterThanOrEqual(within(58_000));
      expect(deadLetters).toBeLessThanOrEqual(within(60_001));
    }),
  );
});

test.each([
  [49, 1, false],
  [50, 0.49, false],
  [50, 0.5, true],
])(
  '%i dead letters, %f of those that ended: a reason to brake? %s',
  (deadLetters, share, brakes) => {
    expect(exceeds({ deadLetters, share, errorType: '' }, DEFAULT_BRAKE_LIMITS)).toBe(brakes);
  },
);
