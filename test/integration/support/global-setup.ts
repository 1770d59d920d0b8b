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

/** The server deletes a workflow only after all lists have its end, and checks that every 30 s by default. */
const dynamicConfig = {
  'history.transferProcessorUpdateAckInterval': '1s',
  'history.visibilityProcessorUpdateAckInterval': '1s',
};

/**
 * Starts a real Kafka and a real Temporal for each of Jest's workers, because the reference streams have only one
 * consumer group and one dead-letter topic. `use-servers` selects the servers of a worker. `global-teardown` stops
 * all servers.
 */
export default async function setup({ maxWorkers }: { maxWorkers: number }): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'cloudsync-test-'));
  const servers: SingleServer[] = [];
  const addresses: { kafka: string; temporal: string }[] = [];
  for (let worker = 1; worker <= maxWorkers; worker++) {
    // The first start builds or downloads servers that are not in the cache.
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
