import { UsageError } from '../../../src/domain/errors';
import { Answers } from '../../../src/page/data/answers';

let now = 0;
const FRESH = { freshMs: 5_000 };
const never = () => new Promise<never>(() => undefined);

test('a question is asked once, however many people ask it, and again when its value is old', async () => {
  const answers = new Answers(1_000, () => now);
  let asked = 0;
  const load = () => Promise.resolve(++asked);
  const ask = () => answers.ask('q', FRESH, load);
  const both = await Promise.all([ask(), ask()]);
  expect(both.map(({ value }) => value)).toEqual([1, 1]);
  now += 4_999;
  expect(await ask()).toMatchObject({ value: 1 });
  now += 1;
  expect(await ask()).toMatchObject({ value: 2 });
});

test('an answer that fails keeps the last value, and the server is not asked again at once', async () => {
  const answers = new Answers(1_000, () => now);
  await answers.ask('q', FRESH, () => Promise.resolve('old'));
  now += 5_000;
  const fail = () => Promise.reject(new Error('away'));
  expect(await answers.ask('q', FRESH, fail)).toMatchObject({ value: 'old', fault: 'away' });
  let asked = 0;
  const load = () => Promise.resolve(++asked);
  expect(await answers.ask('q', FRESH, load)).toMatchObject({ value: 'old', fault: 'away' });
  expect(asked).toBe(0);
  now += 3_000;
  expect(await answers.ask('q', FRESH, load)).toEqual({ value: 1, at: new Date(now) });
});

test('an answer that does not come in time is a fault', async () => {
  const answers = new Answers(1, () => now);
  expect(await answers.ask('q', FRESH, never)).toEqual({
    fault: 'no answer within 0 s: a server is slow or away',
  });
});

test('a question that is wrong rejects', async () => {
  const answers = new Answers(1_000, () => now);
  const load = () => Promise.reject(new UsageError('no cursor'));
  await expect(answers.ask('q', FRESH, load)).rejects.toThrow('no cursor');
});

test('after a change every question is asked anew, and the old values stay while nobody answers', async () => {
  const answers = new Answers(1, () => now);
  for (const question of ['a', 'b', 'c'])
    await answers.ask(question, FRESH, () => Promise.resolve(1));
  answers.forget();
  expect(await answers.ask('a', FRESH, () => Promise.resolve(2))).toMatchObject({ value: 2 });
  const away = () => Promise.reject(new Error('away'));
  expect(await answers.ask('b', FRESH, away)).toMatchObject({ value: 1, fault: 'away' });
});
