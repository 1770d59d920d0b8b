import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { watchFaults } from './page-faults';
import { saveScreenshot } from './screenshot';

/** The width of a small phone in CSS pixels. */
export const NARROW = 360;

export interface PageOptions {
  /** The first address. Its origin is the only one that the page may send requests to. */
  url: string;
  width?: number;
  /** Whether the browser prefers a dark colour scheme. */
  dark?: boolean;
  /** The faults that belong to the test, such as the console error of an answer 404. Each must occur. */
  expectedFaults?: RegExp[];
  /** More settings of the browser, such as its time zone. */
  context?: BrowserContextOptions;
  /** The folder for the screenshot of a page that fails. */
  failures?: string;
}

/**
 * Opens the address in a context of its own, runs the steps, and closes the context. Rejects if the steps fail, or if
 * the page has had a fault by the end of the steps: see {@link watchFaults}. A screenshot shows the page that failed.
 */
export async function withPage<T>(
  browser: Browser,
  options: PageOptions,
  steps: (page: Page) => Promise<T>,
): Promise<T> {
  const { url, width = 1280, dark = false, expectedFaults = [] } = options;
  const context = await browser.newContext({
    ...{ viewport: { width, height: 800 }, colorScheme: dark ? 'dark' : 'light' },
    ...{ serviceWorkers: 'block', ...options.context },
  });
  try {
    const all = watchFaults(context, new URL(url).origin);
    const page = await context.newPage();
    const end = await endOf(page, url, steps);
    const faults = unexpected(all, expectedFaults);
    if ('result' in end && faults.length === 0) return end.result;

    const failures = options.failures ?? join(tmpdir(), 'cloudsync-pages');
    const file = join(failures, `${randomUUID()}.png`);
    const screenshot = await saveScreenshot(page, file).then(
      () => `screenshot: ${file}`,
      (error: Error) => `no screenshot: ${error.message}`,
    );
    if (faults.length === 0 && 'error' in end) {
      process.stderr.write(`${page.url()} failed, ${screenshot}\n`);
      throw end.error;
    }
    const lines = [`${page.url()} has faults:`, ...faults, screenshot];
    throw new Error(lines.join('\n  '), 'error' in end ? { cause: end.error } : {});
  } finally {
    await context.close();
  }
}

async function endOf<T>(
  page: Page,
  url: string,
  steps: (page: Page) => Promise<T>,
): Promise<{ result: T } | { error: unknown }> {
  try {
    await page.goto(url);
    const result = await steps(page);
    // The browser reports in order: with this answer, the reports of all that went before have arrived.
    await page.evaluate('undefined');
    return { result };
  } catch (error) {
    return { error };
  }
}

function unexpected(faults: string[], expected: RegExp[]): string[] {
  const absent = expected.filter((pattern) => !faults.some((fault) => pattern.test(fault)));
  return [
    ...faults.filter((fault) => !expected.some((pattern) => pattern.test(fault))),
    ...absent.map((pattern) => `an expected fault did not occur: ${pattern}`),
  ];
}
