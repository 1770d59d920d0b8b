import type { Page } from 'playwright-core';
import { DeliveryError } from '../../../src/domain/errors';
import type { PageService } from '../../../src/processes/create-page';
import { expectAccessible } from '../../support/browser/accessibility';
import { LAUNCH_TIMEOUT_MS } from '../../support/browser/launch-browser';
import { expectNoSidewaysScroll } from '../../support/browser/layout';
import { NARROW } from '../../support/browser/with-page';
import { message, until } from '../support/world';
import { brokenStream, type BrokenStream } from './support/broken-stream';
import { askJson, button, link, People, see } from './support/people';

/** Every screen of the operator page in a browser: with content, empty, and by the keyboard. */
jest.setTimeout(60_000);

let people: People;
let main: BrokenStream;
let held: BrokenStream;
let service: PageService;
/** A page whose only stream has no record. */
let empty: PageService;
let replay: string;

/** A stream with letters of which one is discarded and one is delivered by a replay; a record that waits; a held key. */
beforeAll(async () => {
  people = await People.start();
  const { world } = people;
  const retry = { fastAttempts: 1, maximumAttempts: 10, initialIntervalMs: 600_000 };
  main = await brokenStream(world, ['good', 'bad1', 'bad2', 'bad3', 'bad4', 'slow'], { retry });
  const refuse = main.sink.before;
  main.sink.before = (record, context) => {
    if (record.messageId === 'slow') throw new DeliveryError('Transient', 'the bank is away');
    return refuse(record, context);
  };
  held = await brokenStream(world, [], { ordering: 'key', afterDeadLetter: 'hold' });
  await world.send(held.stream.topic, [message('bad1')]);
  await world.bridge(main.stream, held.stream);
  const nothing = await brokenStream(world, []);
  service = await people.pageOf([main.stream, held.stream]);
  empty = await people.pageOf([nothing.stream]);
  await people.untilDead(main.stream, 4);
  await people.untilDead(held.stream, 1);
  replay = await settleSome();
  await until('a record waits', async () => {
    const { workflows } = await askJson<{ workflows: object[] }>(service, '/waiting');
    return workflows.length === 1;
  });
}, LAUNCH_TIMEOUT_MS);
afterAll(() => people?.close());

/** Discards a letter and replays another. Resolves with the replay's id. */
async function settleSome(): Promise<string> {
  const { name } = main.stream;
  await people.visit(
    service,
    async (page) => {
      await page.getByLabel('Why (kept in the audit)').fill('a test account');
      await button(page, 'Discard the letter').click();
      await see(page, 'The letter is discarded.');
    },
    { path: `/streams/${name}/discard?place=0:0` },
  );
  main.state.isBroken = false;
  return people.visit(
    service,
    async (page) => {
      await page.getByLabel(/^Type 1 to confirm/).fill('1');
      await button(page, 'Replay the letter').click();
      await page.locator('dd').getByText('done', { exact: true }).waitFor();
      return page.url().split('/').at(-1)!;
    },
    { path: `/streams/${name}/replay?place=0:1` },
  );
}

const act = (verb: string, query = '') => `/streams/${main.stream.name}/${verb}${query}`;
const letterAt = (query = '') => `/dead-letters/${main.stream.name}/0/2${query}`;

/** Shows that a screen is readable in both schemes and on a narrow window. */
async function expectReadable(page: Page): Promise<void> {
  await expectAccessible(page);
  await page.setViewportSize({ width: NARROW, height: 800 });
  await expectNoSidewaysScroll(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expectAccessible(page);
}

test.each<[screen: string, path: () => string, text: string]>([
  ['overview', () => '/', 'What is wrong now'],
  ['stream', () => `/streams/${main.stream.name}`, 'Open workflows'],
  ['dead letters of all streams', () => '/dead-letters', 'Choose a stream above'],
  [
    'dead letters of a stream',
    () => `/dead-letters?stream=${main.stream.name}`,
    'Discard the chosen',
  ],
  ['dead letters found by text', () => '/dead-letters?q=account', 'no account'],
  ['discarded letters', () => `/dead-letters?stream=${main.stream.name}&status=discarded`, 'again'],
  ['dead letter', letterAt, 'hidden until you ask for them'],
  ['dead letter with its value', () => letterAt('?value=decoded'), 'occurredAt'],
  ['dead letter in hexadecimal', () => letterAt('?value=hex'), '00000000'],
  ['waiting', () => '/waiting', 'the bank is away'],
  ['trace', () => '/trace', 'Message id'],
  ['trace of a message', () => '/trace/bad1', 'Runs of its workflows'],
  ['replays', () => '/replays', 'Replays, newest first'],
  ['replay', () => `/replays/${replay}`, 'What the replay did with each letter'],
  ['audit', () => '/audit', 'a test account'],
  ['pause', () => act('pause'), 'Pause the stream'],
  ['resume', () => act('resume'), 'neither paused nor braked'],
  ['plan of a replay', () => act('replay'), 'Why letters stay as they are'],
  ['discard', () => act('discard', '?type=Permanent'), 'kept in the audit'],
  ['reopen', () => act('reopen', '?place=0:0'), 'Replays take them again'],
  ['give up', () => `/streams/${held.stream.name}/give-up?partition=0&offset=0`, 'wait behind'],
  ['stop of a replay', () => `/replays/${replay}/stop`, 'can be resumed later'],
  ['resume of a replay', () => `/replays/${replay}/resume`, 'have not had their turn'],
])('the screen "%s" is readable in both schemes and on a phone', async (_, path, text) => {
  await people.visit(
    service,
    async (page) => {
      await see(page, text);
      await expectReadable(page);
    },
    { path: path() },
  );
});

test.each([
  ['/', 'Nobody consumes'],
  ['/dead-letters', 'No open dead letters match.'],
  ['/dead-letters?status=all', 'A record becomes a dead letter when it fails for good.'],
  ['/waiting', 'Nothing waits for another attempt.'],
  ['/replays', 'No replays.'],
  ['/audit', 'Nobody has done anything yet.'],
  ['/trace/nobody', 'Nothing is known of this message.'],
  ['/streams/NAME/discard', 'No such letter is open.'],
  ['/streams/NAME/replay', 'The plan replays nothing.'],
])('the screen %s without content says "%s"', async (path, text) => {
  const { streams } = await askJson<{ streams: { name: string }[] }>(empty, '/');
  await people.visit(
    empty,
    async (page) => {
      await see(page, text);
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
    },
    { path: path.replace('NAME', streams[0]!.name), width: NARROW },
  );
});

test('the screen of what does not exist says so', async () => {
  await people.visit(
    service,
    async (page) => {
      await see(page, 'there is no such thing');
      await expectReadable(page);
      await link(page, 'Back to the overview').click();
      await see(page, 'What is wrong now');
    },
    { path: '/streams/nobody', expectedFaults: [/404 \(Not Found\)/] },
  );
});

test('the keyboard reaches all of a list in the order of the screen, and works it', async () => {
  await people.visit(
    service,
    async (page) => {
      const focused = () =>
        page.evaluate<string>(`(() => {
          const one = document.activeElement;
          return one.getAttribute('aria-label') ?? one.labels?.[0]?.firstChild.textContent ?? one.textContent;
        })()`);
      const outline = () =>
        page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
      const order: string[] = [];
      await page.keyboard.press('Tab');
      do {
        order.push((await focused()).trim());
        expect(await outline()).toBe('solid');
        await page.keyboard.press('Tab');
      } while (await page.evaluate<boolean>('document.activeElement !== document.body'));
      const { name } = main.stream;
      expect(order).toEqual([
        ...['Skip to the content', 'CloudSync', 'Overview', 'Dead letters', 'Waiting', 'Replays'],
        ...['Audit', 'Trace', 'Stream', 'Status', 'Error type', 'Since (2h, 7d, or a time in UTC)'],
        ...['Text in id, key or error', 'Filter'],
        expect.stringMatching(/^Permanent: no account/) as string,
        'Replay the group',
        ...['Replay the chosen ones', 'Discard the chosen ones'],
        ...['Replay all that match', 'Discard all that match'],
        ...['Letter 0:3', `${name} 0:3`, 'Letter 0:2', `${name} 0:2`],
      ]);

      await page.getByLabel('Letter 0:3').focus();
      await page.keyboard.press('Space');
      await button(page, 'Discard the chosen ones').focus();
      await page.keyboard.press('Enter');
      await see(page, 'Chosen: letters at 0:3.');
    },
    { path: `/dead-letters?stream=${main.stream.name}` },
  );
});

test('the link to skip leads the keyboard to the content', async () => {
  await people.visit(service, async (page) => {
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
  });
});

test('times are those of the zone of the viewer, with the exact ones beside', async () => {
  const timezoneId = 'Asia/Kolkata';
  const context = { timezoneId, locale: 'en-GB' };
  await people.visit(
    service,
    async (page) => {
      const times = await page.locator('time').all();
      expect(times.length).toBeGreaterThan(1);
      const style = { dateStyle: 'medium', timeStyle: 'medium', timeZone: timezoneId } as const;
      for (const time of times) {
        const exact = (await time.getAttribute('datetime'))!;
        expect(exact).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
        expect(await time.getAttribute('title')).toBe(exact);
        const shown = new Intl.DateTimeFormat('en-GB', style).format(new Date(exact));
        expect(await time.textContent()).toBe(shown);
      }
    },
    { path: letterAt(), context: { ...context, extraHTTPHeaders: {} } },
  );
});

test('a screen refreshes itself, but not while a person is at one of its links', async () => {
  await people.visit(service, async (page) => {
    await page.clock.install();
    await page.reload();
    await page.getByRole('link', { name: 'Its dead letters' }).first().focus();
    await page.evaluate(`document.querySelector('#live').dataset.old = ''`);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.clock.runFor(60_000);
    expect(asked).toEqual([]);
    await page.evaluate('document.activeElement.blur()');
    await until('it is new', async () => {
      await page.clock.runFor(1_000);
      return (await page.locator('#live:not([data-old])').count()) === 1;
    });
    await button(page, 'Refreshing every 5 s').click();
    expect(await button(page, 'Refresh every 5 s').getAttribute('aria-pressed')).toBe('false');
    asked.length = 0;
    await page.clock.runFor(60_000);
    expect(asked).toEqual([]);
  });
});
