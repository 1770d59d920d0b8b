import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  startKafka,
  startTemporal,
  userCacheDirectory,
  type SingleServer,
} from '../../../src/dev-servers';

/** A workflow is deleted when its end is known everywhere, which is looked at every 30 s by default. */
const dynamicConfig = {
  'history.transferProcessorUpdateAckInterval': '1s',
  'history.visibilityProcessorUpdateAckInterval': '1s',
};

/**
 * One real Kafka and one real Temporal for each of Jest's workers: the reference streams have one
 * consumer group and one dead-letter topic. `use-servers` takes a worker's own; `global-teardown` stops
 * all.
 */
export default async function setup({ maxWorkers }: { maxWorkers: number }): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'cloudsync-test-'));
  const servers: SingleServer[] = [];
  const addresses: { kafka: string; temporal: string }[] = [];
  for (let worker = 1; worker <= maxWorkers; worker++) {
    // The first builds or downloads what the cache lacks.
    const { kafka, temporal } = await start(join(root, String(worker)));
    servers.push(kafka, temporal);
    addresses.push({ kafka: kafka.address, temporal: temporal.address });
  }
  process.env.TEST_SERVERS = JSON.stringify(addresses);
  Object.assign(globalThis, { testServers: { root, servers } });
}

async function start(directory: string) {
  const progress = (message: string) => process.stderr.write(`${message}\n`);
  const common = { directory, cacheDirectory: userCacheDirectory(process.env), progress };
  const kafka = await startKafka({ ...common, port: await freePort(), heap: '512m' });
  const [port, uiPort] = [await freePort(), await freePort()];
  const download = process.env.CLOUDSYNC_DEV_DOWNLOAD !== 'false';
  return {
    kafka,
    temporal: await startTemporal({ ...common, port, uiPort, download, dynamicConfig }),
  };
}
