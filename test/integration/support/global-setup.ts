import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startKafka, startTemporal, userCacheDirectory } from '../../../src/dev';

/** One real Kafka and one real Temporal for the whole suite; `global-teardown` stops them. */
export default async function setup(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-test-'));
  const cacheDirectory = userCacheDirectory(process.env);
  const download = process.env.CLOUDSYNC_DEV_DOWNLOAD !== 'false';
  const progress = (message: string) => process.stderr.write(`${message}\n`);
  const common = { directory, cacheDirectory, progress };
  const kafka = await startKafka({ ...common, port: await freePort(), heap: '512m' });
  const [port, uiPort] = [await freePort(), await freePort()];
  const temporal = await startTemporal({ ...common, port, uiPort, download });
  process.env.KAFKA_BROKERS = kafka.address;
  process.env.TEMPORAL_ADDRESS = temporal.address;
  (globalThis as { cloudsyncServers?: unknown }).cloudsyncServers = { kafka, temporal, directory };
}
