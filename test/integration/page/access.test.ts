import type { Page } from 'playwright-core';
import { newToken } from '../../../src/http/tokens';
import type { PageService } from '../../../src/processes/create-page';
import { LAUNCH_TIMEOUT_MS } from '../../support/browser/launch-browser';
import { expectAccessible } from '../../support/browser/accessibility';
import { until } from '../support/world';
import { brokenStream, type BrokenStream } from './support/broken-stream';
import { askJson, boxesOf, button, done, fact, letter, link, People, see } from './support/people';

/** The operator page for people who may only look, who log in, and whose browser runs no scripts. */
jest.setTimeout(60_000);

let people: People;
let broken: BrokenStream;
let name: string;
beforeAll(async () => {
  people = await People.start();
  broken = await brokenStream(people.world, ['bad1', 'bad2', 'bad3']);
  ({ name } = broken.stream);
  await people.world.bridge(broken.stream);
  await people.untilDead(broken.stream, 3);
}, LAUNCH_TIMEOUT_MS);
afterAll(() => people?.close());

describe('a page that is read-only', () => {
  let service: PageService;
  beforeAll(async () => {
    service = await people.pageOf([broken.stream], { readOnly: true });
  });

  test('has no button and no link that leads to an action, and says so', async () => {
    const screens = ['/', `/streams/${name}`, `/dead-letters?stream=${name}`, '/replays', '/audit'];
    await people.visit(service, async (page) => {
      for (const path of [...screens, `/dead-letters/${name}/0/0`, '/waiting', '/trace/bad1']) {
        await page.goto(`${service.url}${path}`);
        await see(page, 'This page only shows.');
        expect(await page.locator('form:not([role=search])').count()).toBe(0);
        expect(await page.locator('[method=post], [formaction], .button').count()).toBe(0);
        const buttons = await page.getByRole('button').allTextContents();
        expect(
          buttons.filter((text) => !/^(Filter|Trace|Refreshing every 5 s)$/.test(text)),
        ).toEqual([]);
        const actions = 'pause|resume|replay|discard|reopen|give-up|stop';
        const hrefs = await Promise.all(
          (await page.getByRole('link').all()).map((one) => one.getAttribute('href')),
        );
        const led = hrefs.filter((href) => new RegExp(`/(${actions})(\\?|$)`).test(href!));
        expect(led).toEqual([]);
      }
    });
  });

  test.each(['pause', 'resume', 'replay', 'discard?place=0:0', 'reopen', 'give-up'])(
    'does not know the address of %s',
    async (verb) => {
      for (const method of ['GET', 'POST']) {
        const headers = { origin: service.url };
        const answer = await fetch(`${service.url}/streams/${name}/${verb}`, { method, headers });
        expect(answer.status).toBe(404);
      }
    },
  );
});

describe('a page with tokens', () => {
  const ada = newToken();
  let service: PageService;
  beforeAll(async () => {
    const tokens = [{ name: 'ada', hash: ada.hash }];
    service = await people.pageOf([broken.stream], { tokens });
  });

  const login = async (page: Page) => {
    await page.getByLabel('Token').fill(ada.token);
    await button(page, 'Log in').click();
  };
  const refused = { expectedFaults: [/401 \(Unauthorized\)/], user: '' };

  test('asks for a token, refuses a wrong one, and knows by the right one who acts', async () => {
    await people.visit(
      service,
      async (page) => {
        await expectAccessible(page);
        expect(await page.evaluate('document.activeElement.name')).toBe('token');
        await page.getByLabel('Token').fill(ada.hash);
        await page.keyboard.press('Enter');
        await see(page, 'This is not one of the tokens. Copy the whole token, not its hash.');
        expect(await page.context().cookies()).toEqual([]);
        await login(page);
        expect(new URL(page.url()).pathname).toBe(`/streams/${name}/pause`);
        await button(page, 'Pause the stream').click();
        await done(page).getByText('by ada').waitFor();
        await link(page, 'Resume the stream').click();
        await button(page, 'Resume the stream').click();
        await link(page, 'Audit').click();
        const paused = page.getByRole('row', { name: /paused the stream/ });
        await paused.getByText('ada', { exact: true }).waitFor();
        expect(await page.evaluate('document.cookie')).toBe('');

        await button(page, 'Log out').click();
        await see(page, 'Token');
        expect(await page.context().cookies()).toEqual([]);
        await page.goto(`${service.url}/audit`);
        await see(page, 'Token');
        expect(await page.locator('main').textContent()).not.toContain('ada');
      },
      { path: `/streams/${name}/pause`, ...refused },
    );
  });

  test('asks again for a token when a session has ended while a screen refreshes itself', async () => {
    await people.visit(
      service,
      async (page) => {
        await login(page);
        await see(page, 'What is wrong now');
        await page.context().clearCookies();
        await page.getByLabel('Token').waitFor();
        await login(page);
        await see(page, 'What is wrong now');
      },
      // htmx says it too.
      { ...refused, expectedFaults: [...refused.expectedFaults, /Response Status Error Code 401/] },
    );
  });

  test('asks for a token when a session has ended before a form is sent, and does nothing', async () => {
    await people.visit(
      service,
      async (page) => {
        await login(page);
        await page.getByLabel('Why (may be empty)').fill('too late');
        await page.context().clearCookies();
        await button(page, 'Pause the stream').click();
        await login(page);
        await button(page, 'Pause the stream').waitFor();
        await link(page, 'Audit').click();
        await page.getByRole('table').waitFor();
        expect(await page.getByText('too late').count()).toBe(0);
      },
      { path: `/streams/${name}/pause`, ...refused },
    );
  });
});

test('a browser without scripts lists, filters, discards, and replays by a plan', async () => {
  const service = await people.pageOf([broken.stream]);
  await people.visit(
    service,
    async (page) => {
      await link(page, 'Its dead letters').click();
      await page.getByLabel('Text in id, key or error').fill('bad2');
      await button(page, 'Filter').click();
      await letter(page, 'bad2').getByRole('checkbox').check();
      await button(page, 'Discard the chosen ones').click();
      await page.getByLabel('Why (kept in the audit)').fill('a test account');
      await button(page, 'Discard the letter').click();
      await done(page).getByText('The letter is discarded.').waitFor();
      await link(page, 'Raw text').click();
      await page.getByLabel('Value of the record').getByText('"id":"bad2"').waitFor();
      await link(page, 'Dead letters').click();
      expect(await boxesOf(page)).toHaveLength(2);

      broken.state.isBroken = false;
      await link(page, 'Replay the group').click();
      await page.getByLabel(/^Type 2 to confirm/).fill('2');
      await button(page, 'Replay 2 letters').click();
      await done(page)
        .getByText(/has begun/)
        .waitFor();
      await until('it is done', async () => {
        await page.reload();
        return (await fact(page, 'state').textContent()) === 'done';
      });
      expect(await fact(page, 'records known to be delivered').textContent()).toBe('2');
    },
    { context: { javaScriptEnabled: false, extraHTTPHeaders: { 'x-user': 'ada' } } },
  );
  const { entries } = await askJson<{ entries: { action: string }[] }>(service, '/audit');
  expect(entries.slice(0, 2).map(({ action }) => action)).toEqual(['replay', 'discard']);
});
