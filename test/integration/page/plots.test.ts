import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { DeliveryError } from '../../../src/domain/errors';
import type { AnyStream } from '../../../src/domain/stream/stream';
import type { SeriesName } from '../../../src/page/history/stream-history';
import { STEP_MS, type HistoryView } from '../../../src/page/history/stream-history';
import { startPage, type PageService } from '../../../src/processes/create-page';
import { createLogger } from '../../../src/telemetry/logger';
import { expectAccessible } from '../../support/browser/accessibility';
import { launchBrowser, LAUNCH_TIMEOUT_MS } from '../../support/browser/launch-browser';
import { expectNoSidewaysScroll } from '../../support/browser/layout';
import { NARROW, withPage, type PageOptions } from '../../support/browser/with-page';
import { message, until, World } from '../support/world';

jest.setTimeout(180_000);

const GRAFANA = 'https://grafana.example/d/cloudsync?orgId=1';

let browser: Browser;
let world: World;
let page: PageService;
let stream: AnyStream;

/** The page is there before the stream is consumed. */
beforeAll(async () => {
  browser = await launchBrowser();
  world = new World();
  const made = await world.stream({ partitions: 2 });
  ({ stream } = made);
  made.sink.before = ({ messageId }) => {
    if (messageId.startsWith('bad')) throw new DeliveryError('Permanent', 'no account');
  };
  page = await startPage({
    ...{ kafka: world.settings.kafka, temporal: world.settings.temporal, streams: [stream] },
    page: { host: '127.0.0.1', port: 0, tokens: [], readOnly: true, grafana: GRAFANA },
    logger: createLogger('silent'),
  });
  await world.send(stream.topic, [message('a'), message('b'), message('bad-1')]);
}, LAUNCH_TIMEOUT_MS);
afterAll(async () => {
  await browser?.close();
  await page?.stop();
  await world?.close();
});

const path = () => `/streams/${stream.name}`;

async function history(query = ''): Promise<HistoryView> {
  const answer = await fetch(`${page.url}${path()}/history${query}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as HistoryView;
}

/** What a series counts over all its steps. It is exact for dead letters; samples are not exactly a step apart. */
const counted = ({ series, stepMs }: HistoryView, name: SeriesName) =>
  series[name].reduce<number>((sum, rate) => sum + ((rate ?? 0) * stepMs) / 1_000, 0);

const known = (values: (number | null)[]) => values.filter((value) => value !== null);

test('the numbers of the plots follow what the processes of the stream do', async () => {
  await until('the lag is sampled', async () => {
    const { lag, lagSeconds } = (await history()).series;
    return known(lag).at(-1) === 3 && known(lagSeconds).at(-1)! > 0;
  });
  await world.bridge(stream);
  await until('all is committed and counted', async () => {
    const view = await history();
    return known(view.series.lag).at(-1) === 0 && counted(view, 'deadLetters') > 0;
  });
  // A growth that falls between two samples of which one failed is not known.
  for (let n = 0; counted(await history(), 'delivered') === 0; n++) {
    await world.send(stream.topic, [message(`more-${n}`)]);
    await until('it is sampled', async () => {
      const { lag, delivered } = (await history()).series;
      return known(lag).at(-1) === 0 && known(delivered).length > n + 1;
    });
    await sleep(2 * STEP_MS);
  }
  const all = await history();
  expect(all.partitions).toEqual([0, 1]);
  expect(counted(all, 'delivered')).toBeGreaterThan(0);
  expect(counted(all, 'deadLetters')).toBe(1);
  expect(counted(all, 'duplicates')).toBe(0);
  expect(known(all.series.lagSeconds).at(-1)).toBe(0);
  const parts = await Promise.all([history('?partition=0'), history('?partition=1')]);
  for (const name of ['delivered', 'deadLetters'] as const) {
    const sum = parts.reduce((before, part) => before + counted(part, name), 0);
    expect(sum).toBeCloseTo(counted(all, name), 1);
  }
});

test.each([
  ['nobody/history', 404],
  [`history?partition=x`, 400],
  [`history?partition=-1`, 400],
])('the address %s is answered with %i', async (end, status) => {
  const base = end.startsWith('nobody') ? '/streams/' : `${path()}/`;
  expect((await fetch(`${page.url}${base}${end}`)).status).toBe(status);
});

describe('in a browser', () => {
  const open = <T>(
    steps: (page: Page) => Promise<T>,
    { query = '', ...options }: Partial<PageOptions> & { query?: string } = {},
  ) => withPage(browser, { url: `${page.url}${path()}${query}`, ...options }, steps);

  /** The number of pixels that have been drawn on the plot of a series. */
  const inkOf = (shown: Page, plot: string) =>
    shown.evaluate<number>(`(() => {
      const canvas = document.querySelector('[data-plot^="${plot}"] canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, index) => index % 4 === 3 && value > 0).length;
    })()`);

  const drawn = (shown: Page) => shown.locator('[data-plot] canvas').first().waitFor();

  test.each([
    ['wide and light', {}],
    ['wide and dark', { dark: true }],
    ['narrow and light', { width: NARROW }],
    ['narrow and dark', { width: NARROW, dark: true }],
  ])('the plots of a screen that is %s are drawn, with no fault', async (_, options) => {
    await open(async (shown) => {
      await drawn(shown);
      expect(await shown.locator('[data-plot] canvas').count()).toBe(4);
      for (const plot of ['delivered', 'retries', 'lag', 'lagSeconds']) {
        expect(await inkOf(shown, plot)).toBeGreaterThan(100);
      }
      await expectNoSidewaysScroll(shown);
      await expectAccessible(shown);
    }, options);
  });

  test('new values come without a reload and without taking the focus', async () => {
    await open(async (shown) => {
      await drawn(shown);
      const select = shown.getByLabel('Partition of the plots');
      await select.focus();
      await shown.evaluate(`window.isSame = true`);
      const before = counted(await history(), 'delivered');
      const answered = async () => {
        const answer = await shown.waitForResponse(/\/history/);
        return counted((await answer.json()) as HistoryView, 'delivered');
      };
      await world.send(
        stream.topic,
        Array.from({ length: 50 }, (__, n) => message(`more-${n}`)),
      );
      await until('they are shown', async () => (await answered()) > before + 20);
      const delivered = shown.locator('[data-value="delivered"]');
      await until('the value is written', async () => {
        const [, most] = /([\d.]+)\/s at most/.exec((await delivered.textContent())!) ?? [];
        return Number(most) > 1;
      });
      expect(await shown.evaluate('window.isSame')).toBe(true);
      expect(await shown.evaluate('document.activeElement.tagName')).toBe('SELECT');
    });
  });

  test('the plots stay while the rest of the screen refreshes itself', async () => {
    await open(async (shown) => {
      await drawn(shown);
      await shown.evaluate(`document.querySelector('#live').dataset.old = ''`);
      await shown.waitForSelector('#live:not([data-old])');
      expect(await shown.locator('[data-plot] canvas').count()).toBe(4);
    });
  });

  test('a partition is chosen by the keyboard, and is in the address', async () => {
    await open(async (shown) => {
      await drawn(shown);
      await shown.getByLabel('Partition of the plots').focus();
      const asked = shown.waitForResponse(/\/history\?partition=0$/);
      await shown.keyboard.press('ArrowDown');
      await asked;
      await shown.waitForURL(/\?partition=0$/);
      await shown.reload();
      await drawn(shown);
      expect(await shown.getByLabel('Partition of the plots').inputValue()).toBe('0');
      expect(await shown.getByLabel('Partition of the plots').locator('option').count()).toBe(3);
    });
  });

  test('a window that becomes narrow makes the plots narrow', async () => {
    await open(async (shown) => {
      await drawn(shown);
      await shown.setViewportSize({ width: NARROW, height: 800 });
      await shown.waitForFunction(
        `document.querySelector('[data-plot] canvas').getBoundingClientRect().width < ${NARROW}`,
      );
      await expectNoSidewaysScroll(shown);
    });
  });

  test('the screen links to the dashboard of the stream, and says without scripts what plots need', async () => {
    await open(
      async (shown) => {
        const link = shown.getByRole('link', { name: 'Longer: Grafana' });
        expect(await link.getAttribute('href')).toBe(`${GRAFANA}&var-stream=${stream.name}`);
        expect(await shown.locator('#plots').textContent()).toContain('The plots need JavaScript');
        expect(await shown.locator('[data-plots]').isVisible()).toBe(false);
      },
      { context: { javaScriptEnabled: false } },
    );
  });
});
