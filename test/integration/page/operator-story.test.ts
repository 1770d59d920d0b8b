import type { Page } from 'playwright-core';
import { LAUNCH_TIMEOUT_MS } from '../../support/browser/launch-browser';
import { message, until } from '../support/world';
import { brokenStream, closeGate, type BrokenStream } from './support/broken-stream';
import {
  askJson,
  auditOf,
  awaitRefresh,
  boxesOf,
  button,
  done,
  fact,
  letter,
  link,
  People,
  see,
} from './support/people';

/** People who mend streams with the operator page: they click and type, and know only its first address. */
jest.setTimeout(60_000);

const ids = (count: number) => Array.from({ length: count }, (_, n) => `bad${n + 1}`);

let people: People;
let why: BrokenStream;
let group: BrokenStream;
let byHand: BrokenStream;
let held: BrokenStream;
let slow: BrokenStream;
let shared: BrokenStream;
beforeAll(async () => {
  people = await People.start();
  const { world } = people;
  const retry = { fastAttempts: 1, maximumAttempts: 2, initialIntervalMs: 10 };
  why = await brokenStream(world, ['good', 'bad1', 'odd1']);
  group = await brokenStream(world, [...ids(3), 'odd1']);
  byHand = await brokenStream(world, ids(3), { retry });
  slow = await brokenStream(world, ids(10));
  shared = await brokenStream(world, ids(2));
  held = await brokenStream(world, [], { ordering: 'key', afterDeadLetter: 'hold' });
  const sameKey = ['bad1', 'good'].map((id) => ({ ...message(id), key: 'account' }));
  await world.send(held.stream.topic, sameKey);
  const all = [why, group, byHand, slow, shared, held];
  await world.bridge(...all.map(({ stream }) => stream));
  const counts = [2, 4, 3, 10, 2, 2];
  await Promise.all(all.map(({ stream }, n) => people.untilDead(stream, counts[n]!)));
}, LAUNCH_TIMEOUT_MS);
afterAll(() => people?.close());

/** Marks the document, so that a reload shows. */
const mark = (page: Page) => page.evaluate('window.isSame = true');
const isSame = (page: Page) => page.evaluate<boolean>('window.isSame === true');

test('a person finds in three clicks why a message was not delivered, replays its letter and sees it delivered', async () => {
  const service = await people.pageOf([why.stream]);
  await people.visit(service, async (page) => {
    await page.clock.install();
    let clicks = 0;
    page.on('framenavigated', () => clicks++);
    await see(page, '2 dead letters are open.');
    await link(page, 'Its dead letters').click();
    await letter(page, 'no account bad1').getByRole('link').click();
    expect(await fact(page, 'error message').textContent()).toBe('no account bad1');
    expect(await fact(page, 'error').textContent()).toBe('Permanent');
    expect(await fact(page, 'attempts').textContent()).toBe('1');
    expect(clicks).toBeLessThanOrEqual(3);

    why.state.isBroken = false;
    const openGate = closeGate(why);
    await link(page, 'Replay the letter').click();
    expect(await fact(page, 'workflows run again').textContent()).toBe('1');
    await page.getByLabel('Type 1 to confirm that one letter is replayed').fill('1');
    await button(page, 'Replay the letter').click();
    await done(page)
      .getByText(/^Replay \S+ has begun\.$/)
      .waitFor();
    expect(await fact(page, 'asked for by').textContent()).toBe('ada');
    await fact(page, 'state')
      .getByText(/^running/)
      .waitFor();
    await mark(page);
    openGate();
    await awaitRefresh(page, fact(page, 'state').getByText('done', { exact: true }));
    expect(await isSame(page)).toBe(true);
    expect(await page.getByRole('button', { name: /^Refresh/ }).count()).toBe(0);

    await page
      .getByRole('row', { name: /replayed/ })
      .getByRole('link')
      .click();
    expect(await fact(page, 'status').textContent()).toBe('delivered');
    await link(page, 'bad1').click();
    await see(page, `${why.stream.name}: delivered`);
  });
  expect(why.sink.objects.has('bad1')).toBe(true);
});

test('a group of letters is replayed after a plan that says which stay, and only if the count is right', async () => {
  const service = await people.pageOf([group.stream]);
  const one = '/dead-letters?status=unsettled';
  await people.visit(
    service,
    async (page) => {
      await page.clock.install();
      await letter(page, 'bad1').getByRole('link').click();
      await link(page, 'Discard the letter').click();
      await page.getByLabel('Why (kept in the audit)').fill('a test account');
      await button(page, 'Discard the letter').click();
      await done(page).getByText('The letter is discarded.').waitFor();
      await link(page, 'Dead letters').click();

      await page.getByRole('link', { name: /^Permanent: no account/ }).click();
      await see(page, 'One group of errors');
      expect(await page.getByText('odd one').count()).toBe(0);
      await link(page, 'Replay the group').click();
      expect(await fact(page, 'workflows run again').textContent()).toBe('2');
      expect(await fact(page, 'letters that stay as they are').textContent()).toBe('1');
      await page
        .getByRole('row', { name: /a test account/ })
        .first()
        .waitFor();

      group.state.isBroken = false;
      await page.getByLabel(/^Type 2 to confirm/).fill('3');
      await button(page, 'Replay 2 letters').click();
      await see(page, 'You have typed 3, and 2 are replayed. Nothing was done');
      expect(await auditOf(service)).toEqual(['discard ada done']);
      expect(group.sink.objects.size).toBe(0);

      await link(page, 'Look again').click();
      await page.getByLabel(/^Type 2 to confirm/).fill('2');
      await button(page, 'Replay 2 letters').click();
      await awaitRefresh(page, fact(page, 'state').getByText('done', { exact: true }));
      expect(await fact(page, 'records known to be delivered').textContent()).toBe('2');
      expect([...group.sink.objects.keys()].sort()).toEqual(['bad2', 'bad3']);
    },
    { path: one, expectedFaults: [/400 \(Bad Request\)/] },
  );
});

test('letters that are chosen by hand are discarded with a reason, and opened again', async () => {
  const service = await people.pageOf([byHand.stream]);
  await people.visit(
    service,
    async (page) => {
      await button(page, 'Discard the chosen ones').click();
      await see(page, 'You have chosen no letter.');
      await page.goBack();
      await page.getByLabel('Letter 0:0').check();
      await page.getByLabel('Letter 0:2').check();
      await button(page, 'Discard the chosen ones').click();
      await see(page, 'Chosen: letters at 0:2, 0:0.');
      await page.getByLabel('Why (kept in the audit)').fill('sent twice by mistake');
      await page.getByLabel(/^Type 2 to confirm/).fill('2');
      await button(page, 'Discard 2 letters').click();
      await done(page).getByText('2 letters are discarded.').waitFor();
      expect(await boxesOf(page)).toEqual(['0:1']);
      await page.reload();
      expect(await done(page).count()).toBe(0);

      await page.getByLabel('Status').selectOption('discarded');
      await button(page, 'Filter').click();
      await page.waitForURL(/status=discarded/);
      expect(await boxesOf(page)).toEqual(['0:2', '0:0']);
      for (const box of await page.getByRole('checkbox').all()) await box.check();
      await button(page, 'Open the chosen ones again').click();
      await page.getByLabel(/^Type 2 to confirm/).fill('2');
      await button(page, 'Open 2 letters again').click();
      await done(page).getByText('2 letters are opened again.').waitFor();
      expect(await boxesOf(page)).toEqual(['0:2', '0:1', '0:0']);
      await link(page, 'Audit').click();
      await page.getByRole('row', { name: /2 letters: 0:2, 0:0.*sent twice by mistake/ }).waitFor();
    },
    { path: '/dead-letters', expectedFaults: [/400 \(Bad Request\)/] },
  );
});

test('a stream is paused with a reason, the overview says by whom, and a click resumes it', async () => {
  const service = await people.pageOf([byHand.stream]);
  await people.visit(service, async (page) => {
    await link(page, byHand.stream.name).first().click();
    await link(page, 'Pause the stream').click();
    await page.getByLabel('Why (may be empty)').fill('the bank moves');
    await button(page, 'Pause the stream').click();
    await done(page).getByText('by ada: the bank moves.').waitFor();
    await link(page, 'Overview').click();
    await see(page, 'ada paused the stream: the bank moves.');
    await link(page, 'Resume the stream').click();
    await button(page, 'Resume the stream').click();
    await done(page).getByText(`${byHand.stream.name} continues.`).waitFor();
    await link(page, 'Overview').click();
    await see(page, '3 dead letters are open.');
    expect(await page.getByText('paused').count()).toBe(0);
  });
  expect(await auditOf(service)).toEqual(
    expect.arrayContaining(['resume ada done', 'pause ada done']),
  );
});

test('a person lets a held key go on without its dead record', async () => {
  const service = await people.pageOf([held.stream]);
  await people.visit(service, async (page) => {
    await link(page, 'What holds').click();
    await letter(page, 'bad1').getByRole('link').click();
    await link(page, 'Let its key go on without it').click();
    await see(page, 'Records of its key wait behind');
    await page.getByLabel('Why (may be empty)').fill('the account is closed');
    await button(page, 'Give the record up').click();
    await done(page).getByText(`Its key waits for ${held.stream.name}/0@1 now.`).waitFor();
    await letter(page, 'bad1').getByText('open', { exact: true }).waitFor();
    await letter(page, 'good').getByText('held', { exact: true }).waitFor();

    await letter(page, 'good').getByRole('link').click();
    await link(page, 'Let its key go on without it').click();
    await button(page, 'Give the record up').click();
    await done(page).getByText('Its key is no longer held.').waitFor();
    await letter(page, 'good').getByText('open', { exact: true }).waitFor();
  });
  expect(await auditOf(service)).toEqual(['giveUp ada done', 'giveUp ada done']);
});

test('a slow replay is stopped and resumed by clicks, and takes each letter once', async () => {
  const service = await people.pageOf([slow.stream]);
  slow.state.isBroken = false;
  const deliveredAtStop = await people.visit(
    service,
    async (page) => {
      await page.clock.install();
      await link(page, 'Replay all that match').click();
      await page.getByLabel(/^Type 10 to confirm/).fill('10');
      await page.getByLabel(/^Begin at most this many a second/).fill('1');
      await button(page, 'Replay 10 letters').click();
      await until('one is delivered', () => slow.sink.objects.size > 0);
      await link(page, 'Stop the replay').click();
      await button(page, 'Stop the replay').click();
      await done(page).getByText('ends after the records under way.').waitFor();
      await awaitRefresh(page, fact(page, 'state').getByText('stopped', { exact: true }));
      const delivered = slow.sink.objects.size;
      await link(page, 'Resume the replay').click();
      await button(page, 'Resume the replay').click();
      await done(page).getByText('goes on.').waitFor();
      await mark(page);
      await awaitRefresh(page, fact(page, 'state').getByText('done', { exact: true }));
      expect(await isSame(page)).toBe(true);
      expect(await fact(page, 'workflows run again').textContent()).toBe('10');
      return delivered;
    },
    { path: '/dead-letters' },
  );
  expect(deliveredAtStop).toBeLessThan(10);
  expect(slow.sink.objects.size).toBe(10);
  expect(slow.sink.attempts).toHaveLength(20);
});

test('of two people who confirm the same plan one begins its replay, and the other reads why not', async () => {
  const service = await people.pageOf([shared.stream]);
  const { name } = shared.stream;
  shared.state.isBroken = false;
  const openGate = closeGate(shared);
  /** Opens the plan, and waits with the click until both have it. */
  let ready = 0;
  const confirm = (user: string) =>
    people
      .visit(
        service,
        async (page) => {
          await page.getByLabel(/^Type 2 to confirm/).fill('2');
          ready++;
          await until('both have the plan', () => ready >= 2);
          await button(page, 'Replay 2 letters').click();
          await page.waitForLoadState();
          return (await page.locator('main').textContent())!;
        },
        { path: `/streams/${name}/replay`, user },
      )
      // The one who is refused sees an error 409, which the browser's console has too.
      .catch((error: Error) => error.message);
  const ends = await Promise.all([confirm('ada'), confirm('bob')]);
  expect(ends.filter((text) => /Replay \S+ has begun\./.test(text))).toHaveLength(1);
  expect(ends.filter((text) => text.includes('409 (Conflict)'))).toHaveLength(1);
  const begun = (await auditOf(service)).filter((text) => /^replay \S+ done$/.test(text));
  expect(begun).toHaveLength(1);
  openGate();
  await until('it is done', async () => {
    const { replays } = await askJson<{ replays: { state: string }[] }>(service, '/replays');
    return replays.length === 1 && replays[0]!.state === 'done';
  });
});

test('a second click on the button sends nothing, and the screen of the replay comes', async () => {
  const service = await people.pageOf([why.stream]);
  await people.visit(
    service,
    async (page) => {
      let posts = 0;
      let answer: () => void = () => undefined;
      const clickedTwice = new Promise<void>((resolve) => (answer = resolve));
      await page.route('**/replay', async (route) => {
        if (route.request().method() === 'POST') {
          posts++;
          await clickedTwice;
        }
        await route.continue();
      });
      await page.getByLabel(/^Type 1 to confirm/).fill('1');
      const { x, y } = (await button(page, 'Replay the letter').boundingBox())!;
      await page.mouse.click(x + 9, y + 9);
      await until('it is sent', () => posts === 1);
      await page.mouse.click(x + 9, y + 9);
      answer();
      await done(page)
        .getByText(/^Replay \S+ has begun\.$/)
        .waitFor();
      expect(posts).toBe(1);
    },
    { path: `/streams/${why.stream.name}/replay` },
  );
  expect(await auditOf(service)).toEqual(['replay ada done', 'replay ada done']);
});
