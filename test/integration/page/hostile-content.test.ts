import type { Page } from 'playwright-core';
import { DeliveryError } from '../../../src/domain/errors';
import type { AnyStream } from '../../../src/domain/stream/stream';
import type { PageService } from '../../../src/processes/create-page';
import { LAUNCH_TIMEOUT_MS } from '../../support/browser/launch-browser';
import { expectNoSidewaysScroll } from '../../support/browser/layout';
import { NARROW } from '../../support/browser/with-page';
import { until } from '../support/world';
import { askJson, boxesOf, button, done, People, see } from './support/people';

/**
 * Records whose every field attacks the page or its reader, and people who type such texts. `withPage` fails if anything
 * of them is asked for elsewhere, or if the Content Security Policy had to stop it.
 */
jest.setTimeout(60_000);

const RUN = 'window.ran=true';
/** Ends an attribute, a title, a text field, a script and a comment; then all that runs by itself or asks for something. */
const MARKUP = [
  `"'></title></textarea></script><!-- --><script>${RUN}</script><img src=x onerror="${RUN}">`,
  `<svg onload=${RUN}><iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`,
  `<base href="http://evil.test/"><link rel=stylesheet href=http://evil.test/a.css>`,
  `<form action="http://evil.test"><button autofocus onfocus=${RUN}><meta http-equiv=refresh content=0;url=//evil.test>`,
  `<div hx-get=/audit hx-trigger=load hx-on::load=${RUN} data-refresh id=live></div> javascript:${RUN} &lt;b&gt; {{7*7}}`,
].join('');
/** Reverses the text behind, hides letters, ends a terminal's line. JSON and Kafka carry all of them. */
const MISLEADING = '\u202egnihton\u202c\u200b\u2066\u0000\u001b[2J\u0007\r\n\u2028\ufeff';
const HOSTILE = MISLEADING + MARKUP;
const LONG = 'W'.repeat(700);
const MEGABYTE = 900 * 1024;

let people: People;
let stream: AnyStream;
let service: PageService;

const valueOf = (id: string, payload: unknown, type = HOSTILE) =>
  JSON.stringify({ id, type, occurredAt: '2026-01-01T00:00:00Z', payload });

beforeAll(async () => {
  people = await People.start();
  const { world } = people;
  const retry = { fastAttempts: 1, maximumAttempts: 10, initialIntervalMs: 600_000 };
  const made = await world.stream({ partitions: 1, retry });
  ({ stream } = made);
  made.sink.before = ({ messageId }) => {
    if (messageId.includes('slow')) throw new DeliveryError('Transient', HOSTILE + LONG);
    if (messageId.includes('huge')) throw new DeliveryError('Permanent', LONG.repeat(100));
    throw new DeliveryError('Permanent', `${HOSTILE}${LONG}`);
  };
  const headers = {
    ...{ [HOSTILE]: HOSTILE, [LONG]: LONG, '': '', binary: Buffer.from([0, 255, 254]) },
    ...{ __proto__x: HOSTILE, several: [HOSTILE, '<b>'], 'content-type': 'text/html' },
  };
  await world.send(stream.topic, [
    { key: HOSTILE, headers, value: valueOf(`${HOSTILE}`, { [HOSTILE]: HOSTILE, LONG }) },
    { key: LONG, headers, value: valueOf(LONG, LONG) },
    { key: Buffer.from([0, 255, 1]), headers, value: Buffer.from([0x3c, 0xff, 0, 1]) },
    { key: 'huge', value: valueOf('huge', HOSTILE + LONG.repeat(MEGABYTE / LONG.length)) },
    { key: 'html', value: `<!doctype html><html><body>${HOSTILE}` },
    { key: 'slow', headers, value: valueOf(`slow ${HOSTILE}`, HOSTILE) },
  ]);
  await world.bridge(stream);
  await people.untilDead(stream, 5);
  service = await people.pageOf([stream]);
  await until('a record waits', async () => {
    const { workflows } = await askJson<{ workflows: object[] }>(service, '/waiting');
    return workflows.length === 1;
  });
}, LAUNCH_TIMEOUT_MS);
afterAll(() => people?.close());

/** A name in a header, which has no control characters. */
const USER = MARKUP.slice(0, 200);

/** Fails if the screen has an element that only hostile content adds, if something of it ran, or if it is too wide. */
async function expectHarmless(page: Page): Promise<void> {
  const foreign =
    'img, svg, iframe, base, [onerror], [onload], [onfocus], [hx-on\\\\:\\\\:load], b';
  expect(await page.evaluate(`document.querySelectorAll('${foreign}').length`)).toBe(0);
  expect(await page.locator('#live').count()).toBe(1);
  const outside = `[...document.querySelectorAll('[href], [src], [action], [formaction]')]
    .flatMap((one) => [one.href, one.src, one.action, one.formAction])
    .filter((url) => typeof url === 'string' && url !== '' && !url.startsWith(location.origin + '/'))`;
  expect(await page.evaluate(outside)).toEqual([]);
  expect(await page.evaluate('window.ran')).toBeUndefined();
  expect(await page.locator('body').innerText()).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}]/u);
  await expectNoSidewaysScroll(page);
}

/** Opens a page on a phone. A dialog or another window of hostile content makes it fail. */
function open<T>(
  path: string,
  steps: (page: Page) => Promise<T>,
  expectedFaults: RegExp[] = [],
): Promise<T> {
  return people.visit(
    service,
    async (page) => {
      const events: string[] = [];
      page.on('dialog', (dialog) => {
        events.push(dialog.message());
        void dialog.dismiss();
      });
      page.on('popup', (popup) => events.push(popup.url()));
      const result = await steps(page);
      expect(events).toEqual([]);
      return result;
    },
    { path, width: NARROW, user: USER, expectedFaults },
  );
}

const query = (values: Record<string, string>) => new URLSearchParams(values).toString();

test.each<[screen: string, path: () => string, text: string]>([
  ['overview', () => '/', '5 dead letters are open'],
  ['stream', () => `/streams/${stream.name}`, 'Open workflows'],
  ['dead letters', () => '/dead-letters', '⟨U+202E⟩'],
  ['waiting', () => '/waiting', '⟨U+202E⟩'],
  ['plan', () => `/streams/${stream.name}/replay`, 'workflows run again'],
  ['discard', () => `/streams/${stream.name}/discard`, '⟨U+202E⟩'],
  ['trace', () => `/trace/${encodeURIComponent(HOSTILE)}`, `: dead-lettered`],
  ['trace of a long id', () => `/trace/${LONG}`, ': dead-lettered'],
  ['trace of a form', () => `/trace?${query({ id: HOSTILE })}`, '⟨U+202E⟩'],
])('the screen "%s" shows hostile records harmlessly', async (_, path, text) => {
  await open(path(), async (page) => {
    await see(page, text);
    await expectHarmless(page);
  });
});

test('a screen with hostile records that refreshes itself stays harmless', async () => {
  await open('/', async (page) => {
    await page.evaluate(`document.querySelector('#live').dataset.old = ''`);
    await page.locator('#live:not([data-old])').waitFor();
    await expectHarmless(page);
  });
});

test.each([0, 1, 2, 3, 4])(
  'the dead letter %i and each view of its value are harmless, by address and by click',
  async (offset) => {
    await open(`/dead-letters/${stream.name}/0/${offset}`, async (page) => {
      await expectHarmless(page);
      for (const view of ['As the stream reads it', 'Raw text', 'Hexadecimal']) {
        const answer = page.waitForResponse(/\?value=/);
        await page.getByRole('link', { name: view }).click();
        await answer;
        await page.locator('#value [aria-current]').waitFor();
        await page.getByLabel('Value of the record').waitFor();
        await expectHarmless(page);
      }
      for (const view of ['decoded', 'raw', 'hex']) {
        await page.goto(`${service.url}/dead-letters/${stream.name}/0/${offset}?value=${view}`);
        await expectHarmless(page);
      }
      const download = page.waitForEvent('download');
      await page.getByRole('link', { name: 'Download' }).click();
      expect((await download).suggestedFilename()).toBe(`${stream.name}-0-${offset}.bin`);
    });
  },
);

test.each([
  ['/dead-letters', 'Error type'],
  ['/dead-letters', 'Text in id, key or error'],
  ['/trace', 'Message id'],
])('what a person types on %s into "%s" is shown harmlessly', async (path, label) => {
  await open(path, async (page) => {
    await page.getByLabel(label).fill(MARKUP);
    await page.getByLabel(label).press('Enter');
    await page.waitForURL(/\?/);
    expect(await page.getByLabel(label).inputValue()).toBe(MARKUP);
    await expectHarmless(page);
  });
});

test.each([
  ['group', (text: string) => `/dead-letters?${query({ group: text })}`, 200],
  ['cursor', (text: string) => `/dead-letters?${query({ cursor: text })}`, 400],
  ['an index cursor', (text: string) => `/dead-letters?${query({ cursor: `index:${text}` })}`, 400],
  ['since', (text: string) => `/dead-letters?${query({ since: text })}`, 400],
  ['status', (text: string) => `/dead-letters?${query({ status: text })}`, 400],
  ['stream', (text: string) => `/dead-letters?${query({ stream: text })}`, 404],
  ['cursor of what waits', (text: string) => `/waiting?${query({ cursor: text })}`, 400],
  ['outcome', (text: string) => `/replays/x?${query({ outcome: text })}`, 400],
  ['replay', (text: string) => `/replays/${encodeURIComponent(text)}`, 400],
  ['name of a stream', (text: string) => `/streams/${encodeURIComponent(text)}`, 404],
  ['audit', (text: string) => `/audit?${query({ stream: text, cursor: text })}`, 404],
  [
    'plan',
    (text: string) => `/streams/NAME/replay?${query({ q: text, type: text, group: text })}`,
    200,
  ],
  ['discard', (text: string) => `/streams/NAME/discard?${query({ q: text })}`, 200],
  ['no screen', (text: string) => `/${encodeURIComponent(text)}`, 404],
])('an address with a hostile text is answered harmlessly: %s', async (_, pathOf, status) => {
  const path = pathOf(HOSTILE).replace('NAME', stream.name);
  const faults = status === 200 ? [] : [new RegExp(`status of ${status}`)];
  await open(
    path,
    async (page) => {
      await page.locator('h1').waitFor();
      await expectHarmless(page);
    },
    faults,
  );
});

test('a hostile reason and a hostile name of a person are shown harmlessly wherever they stand', async () => {
  const reason = MARKUP.slice(0, 500);
  await open(`/streams/${stream.name}/discard?place=0:0`, async (page) => {
    await page.getByLabel('Why (kept in the audit)').fill(reason);
    await button(page, 'Discard the letter').click();
    await done(page).getByText('The letter is discarded.').waitFor();
    await expectHarmless(page);

    await page.goto(`${service.url}/streams/${stream.name}/pause`);
    await page.getByLabel('Why (may be empty)').fill(reason);
    await button(page, 'Pause the stream').click();
    expect(await done(page).textContent()).toContain(`by ${USER}: ${reason}`);
    await expectHarmless(page);
    for (const path of ['/audit', '/', `/streams/${stream.name}/replay`]) {
      await page.goto(`${service.url}${path}`);
      await see(page, reason.slice(0, 60));
      await expectHarmless(page);
    }
    await page.goto(`${service.url}/streams/${stream.name}/resume`);
    await button(page, 'Resume the stream').click();
    await done(page).waitFor();
  });
});

test('a hostile name of a person is shown harmlessly on the screen of a replay', async () => {
  await open('/dead-letters', async (page) => {
    const count = (await boxesOf(page)).length;
    expect(count).toBe(4);
    await page.getByRole('link', { name: 'Replay all that match' }).click();
    const confirm = page.getByLabel(/^Type \d to confirm/);
    const [number] = /\d/.exec((await confirm.locator('..').textContent())!)!;
    await confirm.fill(number);
    await page.getByRole('button', { name: /^Replay/ }).click();
    await done(page).getByText('has begun').waitFor();
    await expectHarmless(page);
    await page.goto(`${service.url}/replays`);
    await see(page, USER.slice(0, 60));
    await expectHarmless(page);
  });
});

test('what a person has done is said to the end, in any language', async () => {
  const reason = '銀行が移転する'.repeat(71).slice(0, 490);
  await open(`/streams/${stream.name}/pause`, async (page) => {
    await page.getByLabel('Why (may be empty)').fill(reason);
    await button(page, 'Pause the stream').click();
    expect(await done(page).textContent()).toMatch(new RegExp(`: ${reason}\\.$`));
    await expectHarmless(page);
  });
});

test('a hostile token is refused', async () => {
  const closed = await people.pageOf([stream], { tokens: [{ hash: '0'.repeat(64) }] });
  await people.visit(
    closed,
    async (page) => {
      await page.getByLabel('Token').fill(MARKUP);
      await button(page, 'Log in').click();
      await see(page, 'This is not one of the tokens.');
      await expectHarmless(page);
    },
    {
      path: `/dead-letters?${query({ q: HOSTILE })}`,
      width: NARROW,
      expectedFaults: [/401 \(Unauthorized\)/],
    },
  );
});
