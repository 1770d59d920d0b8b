import { chromium, type Browser } from 'playwright-core';
import { userCacheDirectory } from '../../../src/dev-servers';
import { LocalServerError } from '../../../src/dev-servers/common/errors';
import { provisionChromium } from './chromium/provision-chromium';

/** The deadline of a `beforeAll` that launches the browser. The first launch on a machine downloads it. */
export const LAUNCH_TIMEOUT_MS = 20 * 60_000;

const ARGUMENTS = [
  '--disable-dev-shm-usage',
  // Pages of tests are on this machine. All other hosts stay unknown, also to Chromium's own services.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE [::1]',
];

/** Starts a headless Chromium, which the machine has or which comes from the cache. The caller closes it. */
export async function launchBrowser(): Promise<Browser> {
  const progress = (message: string) => process.stderr.write(`${message}\n`);
  const cacheDirectory = userCacheDirectory(process.env);
  const named = process.env.CLOUDSYNC_CHROMIUM || undefined;
  const { executable, version, env } = await provisionChromium({ cacheDirectory, named, progress });
  const start = Date.now();
  try {
    const browser = await chromium.launch({
      ...{ executablePath: executable, args: ARGUMENTS, chromiumSandbox: false },
      env: { ...process.env, ...env },
    });
    progress(`started ${version} in ${Date.now() - start} ms: ${executable}`);
    return browser;
  } catch (error) {
    // Playwright tells the browser's own output first, and then again with its calls.
    const [reason] = (error as Error).message.split('\nCall log:');
    throw new LocalServerError(
      `${version} does not start: ${executable}. Name another program with CLOUDSYNC_CHROMIUM. If this one is in ` +
        `${cacheDirectory}, delete its folder there, and the next start unpacks it again.\n${reason}`,
    );
  }
}
