import { BRAKE, nextProbe } from '../../../src/domain/stream/brake';

test('nextProbe doubles the interval between probes from 30 s up to ten times 30 s', () => {
  const at: number[] = [];
  for (let now = 0; at.length < 7; now = at.at(-1)!) at.push(nextProbe(0, 30, now));
  expect(at).toEqual([30, 90, 210, 450, 750, 1_050, 1_350]);
  // A process that starts later finds the same times.
  expect(nextProbe(0, 30, 100)).toBe(210);
  expect(nextProbe(1_000, 30, 1_000)).toBe(1_030);
});

test('a brake is described for people', () => {
  const since = '2026-01-01T00:00:00.000Z';
  const reason = { stream: 's', since, deadLetters: 60, share: 2 / 3, errorType: 'Permanent' };
  expect(BRAKE.describe(reason)).toBe(
    `braked since ${since}: 60 dead letters, 67 % of the records that ended, most of them Permanent`,
  );
});
