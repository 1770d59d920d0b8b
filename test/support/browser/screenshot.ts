import type { Page } from 'playwright-core';

/** Writes a PNG of the whole page. Makes the file's folder if it does not exist. */
export async function saveScreenshot(page: Page, path: string): Promise<void> {
  await page.screenshot({ path, fullPage: true, animations: 'disabled' });
}
