import type { Browser, Locator, Page } from 'playwright-core';
import type { AnyStream } from '../../../../src/domain/stream/stream';
import { startPage, type PageService } from '../../../../src/processes/create-page';
import type { PageSettings } from '../../../../src/settings/page';
import { createLogger } from '../../../../src/telemetry/logger';
import { launchBrowser } from '../../../support/browser/launch-browser';
import { withPage, type PageOptions } from '../../../support/browser/with-page';
import { until, World } from '../../support/world';

/** The deadline of one step only ends a test that would never end. */
const STEP_MS = 20_000;

type Visit = Partial<PageOptions> & {
  /** The address below the page's own. Default: the overview. */
  path?: string;
  /** Who looks, as a proxy in front of the page would say. Default: ada. */
  user?: string;
};

/** People with browsers, the operator pages that they look at, and the servers behind. */
export class People {
  readonly world = new World();
  readonly #pages: PageService[] = [];

  private constructor(readonly browser: Browser) {}

  static async start(): Promise<People> {
    return new People(await launchBrowser());
  }

  /** Starts a page that shows these streams. */
  async pageOf(streams: AnyStream[], settings: Partial<PageSettings> = {}): Promise<PageService> {
    const page = { host: '127.0.0.1', port: 0, tokens: [], readOnly: false, userHeader: 'x-user' };
    const { kafka, temporal } = this.world.settings;
    const service = await startPage({
      ...{ kafka, temporal, streams, page: { ...page, ...settings } },
      logger: createLogger('silent'),
    });
    this.#pages.push(service);
    return service;
  }

  /** Lets a person look at a page. */
  visit<T>(
    { url }: PageService,
    steps: (page: Page) => Promise<T>,
    { path = '/', user = 'ada', context, ...options }: Visit = {},
  ): Promise<T> {
    const extraHTTPHeaders = { 'x-user': user };
    return withPage(
      this.browser,
      { url: `${url}${path}`, context: { extraHTTPHeaders, ...context }, ...options },
      (page) => {
        page.setDefaultTimeout(STEP_MS);
        return steps(page);
      },
    );
  }

  /** Waits until the stream has so many dead letters. */
  async untilDead({ deadLetterTopic }: AnyStream, count: number): Promise<void> {
    await until(`${count} records of ${deadLetterTopic}`, async () => {
      return (await this.world.records(deadLetterTopic)).length === count;
    });
  }

  async close(): Promise<void> {
    await this.browser.close();
    await Promise.all(this.#pages.map((page) => page.stop()));
    await this.world.close();
  }
}

/** Asks a page as a program does. */
export async function askJson<T>({ url }: PageService, path: string): Promise<T> {
  const answer = await fetch(`${url}${path}`, { headers: { accept: 'application/json' } });
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** What people have done on the page, the last first: action, who, outcome. */
export async function auditOf(page: PageService): Promise<string[]> {
  interface Audit {
    entries: { action: string; by: string; outcome: string }[];
  }
  const { entries } = await askJson<Audit>(page, '/audit');
  return entries.map(({ action, by, outcome }) => `${action} ${by} ${outcome}`);
}

/** Waits until the screen has the text. */
export async function see(page: Page, text: string | RegExp): Promise<void> {
  await page.locator('body').getByText(text).first().waitFor();
}

/** Waits for something that comes when a screen refreshes itself. Needs `page.clock.install()`, because it turns the clock on. */
export async function awaitRefresh(page: Page, shown: Locator): Promise<void> {
  await until(`${page.url()} shows it`, async () => {
    await page.clock.runFor(1_000);
    return shown.isVisible();
  });
}

/** The value beside a name. */
export const fact = (page: Page, name: string): Locator =>
  page.locator(`dt:text-is("${name}") + dd`).first();

export const link = (page: Page | Locator, name: string): Locator =>
  page.getByRole('link', { name, exact: true });

export const button = (page: Page, name: string): Locator =>
  page.getByRole('button', { name, exact: true });

/** The row of the list of letters that has the text. */
export const letter = (page: Page, text: string): Locator =>
  page
    .getByRole('table', { name: 'Dead letters, newest first' })
    .getByRole('row')
    .filter({ hasText: text });

/** The values of the checkboxes, from above. */
export async function boxesOf(page: Page): Promise<(string | null)[]> {
  const boxes = await page.getByRole('checkbox').all();
  return Promise.all(boxes.map((box) => box.getAttribute('value')));
}

/** What the page says that the person has just done. */
export const done = (page: Page): Locator => page.locator('.done');
