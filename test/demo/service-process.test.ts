import { join } from 'node:path';
import { processEnvironment } from '../../src/settings/config';
import { startServiceProcess } from '../../src/demo/service-process';
import { temporaryDirectory } from '../dev-servers/support/temporary-directory';

/** It starts a process, and waits until that has loaded all its modules. */
jest.setTimeout(60_000);

/** A port that nobody listens on. */
const NOBODY = '127.0.0.1:1';

test('a process without metrics is ready when /readyz answers at its own address, and stop ends it', async () => {
  const env = {
    ...processEnvironment(),
    ...{ KAFKA_BROKERS: NOBODY, TEMPORAL_ADDRESS: NOBODY },
    ...{ CLOUDSYNC_PAGE_HOST: '127.0.0.1', CLOUDSYNC_PAGE_PORT: '0', CLOUDSYNC_PAGE_TOKENS: '' },
  };
  const log = join(temporaryDirectory(), 'page.log');
  const page = await startServiceProcess(['page', 'start'], env, log);
  try {
    expect((await fetch(`${page.url}/readyz`)).status).toBe(200);
  } finally {
    await page.stop();
  }
  await expect(fetch(`${page.url}/readyz`)).rejects.toThrow('fetch failed');
  expect(() => process.kill(page.pid, 0)).toThrow('ESRCH');
});

test('a process that ends before it is ready rejects, and the error names its log', async () => {
  const log = join(temporaryDirectory(), 'page.log');
  const env = {
    ...processEnvironment(),
    CLOUDSYNC_PAGE_HOST: '0.0.0.0',
    CLOUDSYNC_PAGE_TOKENS: '',
  };
  await expect(startServiceProcess(['page', 'start'], env, log)).rejects.toThrow(
    `cloudsync page start ended with 2: see ${log}`,
  );
});
