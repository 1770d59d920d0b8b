import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { temporaryDirectory } from '../../dev-servers/support/temporary-directory';
import { expectAccessible } from '../../support/browser/accessibility';
import { launchBrowser, LAUNCH_TIMEOUT_MS } from '../../support/browser/launch-browser';
import { expectNoSidewaysScroll } from '../../support/browser/layout';
import { saveScreenshot } from '../../support/browser/screenshot';
import { NARROW, withPage, type PageOptions } from '../../support/browser/with-page';
import { startSite, type FaultySite } from './support/faulty-site';

/** Shows that the helpers for tests of pages fail when a page has a fault, and only then. */
jest.setTimeout(60_000);

let browser: Browser;
let site: FaultySite;
let other: FaultySite;
beforeAll(async () => {
  browser = await launchBrowser();
  other = await startSite();
  site = await startSite(other.address);
}, LAUNCH_TIMEOUT_MS);
afterAll(async () => {
  await browser?.close();
  await site?.server.close();
  await other?.server.close();
});

const nothing = () => Promise.resolve();

/** Opens a page of the site, whose name is its path. */
function open<T = void>(
  path: string,
  steps: (page: Page) => Promise<T>,
  options: Omit<PageOptions, 'url'> = {},
): Promise<T> {
  const failures = temporaryDirectory();
  return withPage(browser, { url: `${site.address}/${path}`, failures, ...options }, steps);
}

/** Opens a page of the site and resolves with the text of the error, because the page must have a fault. */
async function faultsOf(path: string, steps: (page: Page) => Promise<void> = nothing) {
  return open(path, steps).then(
    () => 'no fault',
    (error: Error) => error.message,
  );
}

/** The width and height that a PNG names in its header. */
function sizeOf(file: string) {
  const png = readFileSync(file);
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}

describe('withPage', () => {
  test('passes and returns what the steps return if the page has no fault', async () => {
    expect(await open('good', (page) => page.title())).toBe('changed by a script');
  });

  test('fails if a script writes an error to the console', async () => {
    expect(await faultsOf('console')).toMatch(
      /console error: the list is empty \(.*\/console.js:1\)/,
    );
  });

  test('fails if the server answers 404', async () => {
    expect(await faultsOf('no-such-page')).toMatch(/console error: .*404.*\/no-such-page/);
  });

  test('fails if the page names an image that the server does not have', async () => {
    expect(await faultsOf('missing')).toMatch(/console error: .*404.*\/no-such-image/);
  });

  test.each([
    ['throws', 'rows is undefined'],
    ['rejects', 'no answer'],
  ])('fails if a script %s an error that nobody catches', async (path, text) => {
    expect(await faultsOf(path)).toContain(`page error: TypeError: ${text}`);
  });

  test.each([['inline'], ['handler'], ['style']])(
    'fails if the Content Security Policy blocks what the page has inline: %s',
    async (path) => {
      let title = '';
      const faults = await faultsOf(path, async (page) => {
        title = await page.title();
      });
      expect(faults).toMatch(/CSP violation: .*inline/);
      expect(title).toBe(path);
    },
  );

  test('lets an inline script run if the page has no policy', async () => {
    expect(await open('loose/inline', (page) => page.title())).toBe('changed by a script');
  });

  test('fails if the page loads an image of another origin', async () => {
    const fault = `request to another origin: GET ${other.address}/pixel.png`;
    expect(await faultsOf('loose/image')).toContain(fault);
    expect(other.requests).toContain('/pixel.png');
    other.requests.length = 0;
    expect(await faultsOf('image')).toContain('CSP violation');
    expect(other.requests).toEqual([]);
  });

  test('fails if a click leads to another origin', async () => {
    const click = (page: Page) => page.getByRole('link').click();
    const fault = `request to another origin: GET ${other.address}/elsewhere`;
    expect(await faultsOf('link', click)).toContain(fault);
    expect(await faultsOf('link')).toBe('no fault');
  });

  test('fails if a script opens a web socket to another origin', async () => {
    const socket = `${other.address.replace('http', 'ws')}/events`;
    const faults = await faultsOf('loose/good', async (page) => {
      const opened = page.waitForEvent('websocket');
      await page.evaluate(`void new WebSocket('${socket}')`);
      await opened;
    });
    expect(faults).toContain(`request to another origin: web socket ${socket}`);
  });

  test('sends nothing to hosts that are not on this machine', async () => {
    const faults = await faultsOf('loose/good', async (page) => {
      for (const host of ['cloudsync.test', '192.0.2.1']) {
        await page.evaluate(`fetch('http://${host}/').catch(() => undefined)`);
      }
    });
    expect(faults).toContain('GET http://cloudsync.test/');
    expect(faults.match(/net::ERR_NAME_NOT_RESOLVED/g)).toHaveLength(2);
  });

  test('fails in a window that the page opens as well', async () => {
    const faults = await faultsOf('good', async (page) => {
      const opened = page.waitForEvent('popup');
      await page.evaluate(`void window.open('/throws')`);
      await (await opened).waitForLoadState();
    });
    expect(faults).toContain('page error: TypeError: rows is undefined');
  });

  test('passes with a fault that the test expects, and fails if the fault does not occur', async () => {
    const expected = { expectedFaults: [/404.*\/no-such-page/] };
    await open('no-such-page', nothing, expected);
    await expect(open('good', nothing, expected)).rejects.toThrow(
      /an expected fault did not occur: .*404/,
    );
  });

  test('fails with the error of the steps if the page has no fault', async () => {
    const error = new Error('no row');
    await expect(open('good', () => Promise.reject(error))).rejects.toBe(error);
  });

  test('names the faults and the error of the steps if there are both', async () => {
    const cause = new Error('no row');
    await expect(open('console', () => Promise.reject(cause))).rejects.toMatchObject({
      message: expect.stringContaining('console error') as string,
      cause,
    });
  });

  test('saves a screenshot of a page that fails', async () => {
    const file = /screenshot: (.*\.png)/.exec(await faultsOf('console'))?.[1];
    expect(sizeOf(file!)).toEqual({ width: 1280, height: 800 });
  });

  test('closes its page, whether the page fails or not', async () => {
    await open('good', nothing);
    await faultsOf('console');
    expect(browser.contexts()).toEqual([]);
  });
});

test('a screenshot shows a narrow page in the scheme that the test asks for', async () => {
  const files = [false, true].map((dark) => ({ dark, file: `${temporaryDirectory()}/new/a.png` }));
  for (const { dark, file } of files) {
    await open('good', (page) => saveScreenshot(page, file), { width: NARROW, dark });
  }
  const [light, dark] = files.map(({ file }) => file);
  expect(sizeOf(light!)).toEqual({ width: 360, height: 800 });
  expect(sizeOf(dark!)).toEqual({ width: 360, height: 800 });
  expect(readFileSync(light!).equals(readFileSync(dark!))).toBe(false);
});

test('expectNoSidewaysScroll fails if the page is wider than its window', async () => {
  await open('wide', expectNoSidewaysScroll);
  await open('good', expectNoSidewaysScroll, { width: NARROW });
  await expect(open('wide', expectNoSidewaysScroll, { width: NARROW })).rejects.toThrow(
    /\/wide is 8\d\d px wide in a window of 360 px/,
  );
});

describe('expectAccessible', () => {
  test('passes on a good page with a strict policy, and the page sees nothing of axe-core', async () => {
    const seen = await open('good', async (page) => {
      await expectAccessible(page);
      return page.evaluate('typeof axe');
    });
    expect(seen).toBe('undefined');
  });

  test('fails on a field without a label and names the field', async () => {
    await expect(open('unlabelled', expectAccessible)).rejects.toThrow(
      /axe-core finds on .*\/unlabelled:\n {2}label \(critical\): [^]*<input name="q">/,
    );
  });

  test.each([
    ['pale', false],
    ['dim', true],
  ])('fails if the text is hard to read in one scheme only: %s, dark %s', async (path, dark) => {
    await open(path, expectAccessible, { dark: !dark });
    await expect(open(path, expectAccessible, { dark })).rejects.toThrow(
      'color-contrast (serious)',
    );
  });
});
