import { resolve } from 'node:path';
import type { UpOptions } from './common/up-options';
import { withDirectoryLock } from './process/directory-lock';
import { ensureRunning } from './process/ensure-running';
import { kafkaAnswers } from './kafka/kafka-probe';
import { launchKafka } from './kafka/kafka-server';
import { DEFAULT_PORTS, localAddress, localUrl } from './common/local-ports';
import { makeFolder } from './common/make-folder';
import { choosePort, isFree } from './common/ports';
import { readState } from './common/state';
import { ensureNamespace, temporalAnswers } from './temporal/temporal-probe';
import { launchTemporal } from './temporal/temporal-server';
import { together } from './process/together';
import { requireCloudSdks, upClouds, type LocalClouds } from './clouds/up-clouds';

export interface LocalAddresses {
  kafka: { brokers: string[] };
  /** `ui` is absent if it is not known, for example with a given address. */
  temporal: { address: string; namespace: string; ui?: string };
  /** Present if the local clouds were asked for. */
  cloud?: LocalClouds;
}

/**
 * Provides Kafka and Temporal, and the local clouds if asked for. The servers outlive this process. Each server
 * is the first that exists of:
 * 1. the given address,
 * 2. the server that this directory's state says runs,
 * 3. the server that answers on the port,
 * 4. a new server.
 */
export async function up(options: UpOptions): Promise<LocalAddresses> {
  const { brokers, temporalAddress, namespace = 'default' } = options.given;
  const cloud = options.cloud === true;
  if (cloud) requireCloudSdks(options.given);
  if (brokers !== undefined && temporalAddress !== undefined && !cloud) {
    return { kafka: { brokers }, temporal: { address: temporalAddress, namespace } };
  }
  const directory = resolve(options.directory);
  await makeFolder(directory, 'data and logs of the servers', 'CLOUDSYNC_DEV_DIR');
  return withDirectoryLock(directory, options.progress, async () => {
    const [kafka, temporal, clouds] = await together([
      brokers === undefined ? upKafka(directory, options) : Promise.resolve({ brokers }),
      temporalAddress === undefined
        ? upTemporal(directory, namespace, options)
        : Promise.resolve({ address: temporalAddress, namespace }),
      cloud ? upClouds(directory, options) : Promise.resolve(undefined),
    ]);
    return { kafka, temporal, ...(clouds && { cloud: clouds }) };
  });
}

async function upKafka(
  directory: string,
  { cacheDirectory, ports, kafkaHeap: heap, progress }: UpOptions,
): Promise<LocalAddresses['kafka']> {
  const last = readState(directory).kafka;
  const wanted = ports?.kafka ?? last?.port ?? DEFAULT_PORTS.kafka;
  const launch = async () => {
    const port = await choosePort(wanted, 'Kafka', progress);
    const starting = await launchKafka({ directory, cacheDirectory, port, heap, progress });
    return { starting, ports: { port } };
  };
  const { port } = await ensureRunning(
    { name: 'kafka', title: 'Kafka', directory, last, wanted, answers: kafkaAnswers, launch },
    progress,
  );
  return { brokers: [localAddress(port)] };
}

async function upTemporal(
  directory: string,
  namespace: string,
  { cacheDirectory, ports, download, progress }: UpOptions,
): Promise<LocalAddresses['temporal']> {
  const last = readState(directory).temporal;
  const wanted = ports?.temporal ?? last?.port ?? DEFAULT_PORTS.temporal;
  const wantedUi = ports?.temporalUi ?? last?.uiPort ?? DEFAULT_PORTS.temporalUi;
  const launch = async () => {
    const port = await choosePort(wanted, 'Temporal', progress);
    const uiPort = await choosePort(wantedUi, "Temporal's UI", progress);
    const options = { directory, cacheDirectory, port, uiPort, download, progress };
    return { starting: await launchTemporal(options), ports: { port, uiPort } };
  };
  const { port, uiPort, startedByUs } = await ensureRunning(
    {
      name: 'temporal',
      title: 'Temporal',
      directory,
      last,
      wanted,
      answers: temporalAnswers,
      launch,
    },
    progress,
  );
  const ui = uiPort ?? ((await isFree(wantedUi)) ? undefined : wantedUi);
  const address = localAddress(port);
  if (startedByUs && namespace !== 'default') await ensureNamespace(address, namespace);
  return { address, namespace, ...(ui === undefined ? {} : { ui: localUrl(ui) }) };
}
