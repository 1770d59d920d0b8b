/**
 * Takes the pictures of the operator page in docs/images: it starts servers of its own, tells them a small story, and opens
 * the page in a browser. Run it again when the page has changed: `npm run docs:screenshots`.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import type { AnyStream } from '../src/domain/stream/stream';
import type { OverviewStream } from '../src/page/data/overview';
import { Releasers } from '../src/lib/lifecycle';
import { startPage } from '../src/processes/create-page';
import { createLogger } from '../src/telemetry/logger';
import startServers from '../test/integration/support/global-setup';
import stopServers from '../test/integration/support/global-teardown';
import { until, World } from '../test/integration/support/world';
import { launchBrowser } from '../test/support/browser/launch-browser';
import { withPage } from '../test/support/browser/with-page';
import { OUTCOME, tellStory } from './screenshots/story';

const IMAGES = join(__dirname, '..', 'docs', 'images');

interface Picture {
  name: string;
  path: string;
  dark?: boolean;
}

async function main(): Promise<void> {
  const releasers = new Releasers();
  try {
    await startServers({ maxWorkers: 1 });
    releasers.push(stopServers);
    const [servers] = JSON.parse(process.env.TEST_SERVERS!) as [
      { kafka: string; temporal: string },
    ];
    const env = { KAFKA_BROKERS: servers.kafka, TEMPORAL_ADDRESS: servers.temporal };
    const world = new World(env);
    releasers.push(() => world.close());
    const streams = await tellStory(world);
    const page = await openPage(world, streams);
    releasers.push(() => page.stop());
    const browser = await launchBrowser();
    releasers.push(() => browser.close());
    await mkdir(IMAGES, { recursive: true });
    for (const picture of await pictures(page.url)) await take(browser, page.url, picture);
  } finally {
    await releasers.release();
  }
}

function openPage(world: World, streams: AnyStream[]) {
  const { kafka, temporal } = world.settings;
  const temporalUi = 'http://127.0.0.1:8233';
  const page = { host: '127.0.0.1', port: 0, tokens: [], readOnly: false, temporalUi };
  return startPage({ kafka, temporal, streams, page, logger: createLogger('silent') });
}

async function ask<T>(address: string): Promise<T> {
  const answer = await fetch(address, { headers: { accept: 'application/json' } });
  return (await answer.json()) as T;
}

/** Waits until the page shows the story, and says what to take. */
async function pictures(url: string): Promise<Picture[]> {
  await until('the overview shows the story', async () => {
    const { streams } = await ask<{ streams: OverviewStream[] }>(`${url}/`);
    const [payments] = streams;
    return (
      streams.every(({ status, letters }) => status !== null && letters !== null) &&
      payments!.letters!.open === OUTCOME.open &&
      payments!.status!.slow.retrying?.count === OUTCOME.waiting
    );
  });
  const { letters } = await ask<{
    letters: { errorType: string; deadLetter: { partition: number; offset: number } }[];
  }>(`${url}/dead-letters?stream=payments`);
  const { partition, offset } = letters.find(
    ({ errorType }) => errorType === 'Permanent',
  )!.deadLetter;
  return [
    { name: 'page-overview', path: '/' },
    { name: 'page-overview-dark', path: '/', dark: true },
    { name: 'page-dead-letters', path: '/dead-letters' },
    {
      name: 'page-dead-letter',
      path: `/dead-letters/payments/${partition}/${offset}?value=decoded`,
    },
  ];
}

async function take(browser: Browser, url: string, { name, path, dark = false }: Picture) {
  const options = { url: `${url}${path}`, dark, context: { locale: 'en-GB', timezoneId: 'UTC' } };
  await withPage(browser, options, (page) =>
    page.screenshot({ path: join(IMAGES, `${name}.png`), animations: 'disabled' }),
  );
  process.stderr.write(`docs/images/${name}.png\n`);
}

main().then(
  // Temporal's native runtime keeps the process alive.
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack}\n`);
    process.exit(1);
  },
);
