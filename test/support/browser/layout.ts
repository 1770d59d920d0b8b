import type { Page } from 'playwright-core';

/** Rejects if the page is wider than its window, so that a reader has to scroll sideways. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const [content, window] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  );
  if (content <= window) return;
  throw new Error(
    `${page.url()} is ${content} px wide in a window of ${window} px; let its content wrap or scroll by itself`,
  );
}
