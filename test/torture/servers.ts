import { join } from 'node:path';
import { createKafka, withAdmin, type Kafka } from '../../src/kafka/kafka';
import {
  azuriteConnectionString,
  ensureBucket,
  ensureContainer,
  freePort,
  LOCAL_S3,
  startBlob,
  startKafka,
  startS3,
  startTemporal,
  userCacheDirectory,
} from '../../src/dev-servers';
import type { FurtherListener } from '../../src/dev-servers/kafka/kafka-settings';
import { createLogger } from '../../src/telemetry/logger';
import type { Releasers } from '../../src/lib/lifecycle';
import { FaultProxy } from '../integration/support/fault-proxy';
import {
  BRIDGES,
  KAFKA_CLIENTS,
  type KafkaClient,
  type ProcessName,
  type TortureOptions,
} from './options';
import { TorturedServer } from './server';
import { faultyFolders, faultyStore, type FaultySink } from './sink-fault';
import { TcpProxy } from './tcp-proxy';

const STORE = 'cloudsync';
export type TemporalClientName = Exclude<ProcessName, 'api'>;
export const TEMPORAL_CLIENTS: readonly TemporalClientName[] = [...BRIDGES, 'worker'];

export interface Servers {
  kafka: TorturedServer;
  temporal: TorturedServer;
  toKafka: Record<KafkaClient, TcpProxy>;
  toTemporal: Record<TemporalClientName, TcpProxy>;
  /** Clients and addresses without a proxy, for the run itself. */
  direct: { kafka: Kafka; broker: string; temporal: string };
  sink: FaultySink;
  /** The variables of the sink: through the proxy for the processes, and without it for the judge. */
  sinkEnvironment: { proxied: Record<string, string>; direct: Record<string, string> };
}

/** Starts Kafka, Temporal and the sink's server for one run, with proxies before them. */
export async function startServers(
  options: Pick<TortureOptions, 'sink'>,
  directory: string,
  streams: string[],
  releasers: Releasers,
  progress: (text: string) => void,
): Promise<Servers> {
  const common = { directory, cacheDirectory: userCacheDirectory(process.env), progress };
  const port = await freePort();
  const toKafka = {} as Record<KafkaClient, TcpProxy>;
  const further: FurtherListener[] = [];
  for (const [index, client] of KAFKA_CLIENTS.entries()) {
    const listener = await freePort();
    toKafka[client] = await proxyTo(listener, releasers);
    further.push({ name: `PROXIED${index}`, port: listener, advertisedPort: toKafka[client].port });
  }
  const [temporalPort, uiPort] = [await freePort(), await freePort()];
  const toTemporal = {} as Record<TemporalClientName, TcpProxy>;
  for (const client of TEMPORAL_CLIENTS) {
    toTemporal[client] = await proxyTo(temporalPort, releasers);
  }
  const kafka = new TorturedServer(() => startKafka({ ...common, port, further, heap: '512m' }));
  const download = process.env.CLOUDSYNC_DEV_DOWNLOAD !== 'false';
  const temporal = new TorturedServer(() =>
    startTemporal({ ...common, port: temporalPort, uiPort, download }),
  );
  for (const server of [kafka, temporal]) {
    // The verdict is over by then, so an orderly end is not necessary.
    releasers.push(() => server.kill());
  }
  await Promise.all([kafka.up(), temporal.up()]);
  const broker = `127.0.0.1:${port}`;
  const settings = { brokers: [broker], clientId: 'torture', ssl: false };
  return {
    kafka,
    temporal,
    toKafka,
    toTemporal,
    direct: {
      kafka: createKafka(settings, createLogger('error')),
      broker,
      temporal: `127.0.0.1:${temporalPort}`,
    },
    ...(await startSink(options.sink, common, streams, releasers)),
  };
}

async function proxyTo(port: number, releasers: Releasers): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(port);
  releasers.push(() => proxy.close());
  return proxy;
}

type Common = Omit<Parameters<typeof startS3>[0], 'port'>;

async function startSink(
  sink: TortureOptions['sink'],
  common: Common,
  streams: string[],
  releasers: Releasers,
): Promise<Pick<Servers, 'sink' | 'sinkEnvironment'>> {
  if (sink === 'file') {
    const folder = join(common.directory, 'sink');
    const environment = { CLOUDSYNC_SINK_DIR: folder };
    return {
      sink: await faultyFolders(folder, streams),
      sinkEnvironment: { proxied: environment, direct: environment },
    };
  }
  const start = sink === 's3' ? startS3 : startBlob;
  const port = await freePort();
  const server = new TorturedServer(() => start({ ...common, port }));
  releasers.push(() => server.kill());
  await server.up();
  // The proxy passes one request for an object at a time, because versitygw's conditional create is not atomic.
  const proxy = await FaultProxy.start(server.address);
  releasers.push(() => proxy.close());
  await (sink === 's3' ? ensureBucket : ensureContainer)(server.address, STORE);
  const variables = sink === 's3' ? s3Variables : blobVariables;
  const folder = { CLOUDSYNC_SINK_DIR: join(common.directory, 'sink') };
  return {
    sink: faultyStore(proxy),
    sinkEnvironment: {
      proxied: { ...folder, ...variables(proxy.url) },
      direct: { ...folder, ...variables(server.address) },
    },
  };
}

function s3Variables(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: LOCAL_S3.region,
    AWS_ACCESS_KEY_ID: LOCAL_S3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_S3.secretAccessKey,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    CLOUDSYNC_S3_BUCKET: STORE,
    CLOUDSYNC_S3_FORCE_PATH_STYLE: 'true',
  };
}

function blobVariables(url: string): Record<string, string> {
  return {
    AZURE_STORAGE_CONNECTION_STRING: azuriteConnectionString(url),
    CLOUDSYNC_AZURE_CONTAINER: STORE,
  };
}

const TOPIC_RESOURCE = 2;

/** Makes topics refuse records with `acks=all` for lack of replicas, or accept them again. */
export async function refuseRecords(
  kafka: Kafka,
  topics: string[],
  refuse: boolean,
): Promise<void> {
  const value = refuse ? '2' : '1';
  await withAdmin(kafka, async (admin) => {
    for (const name of topics) {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: TOPIC_RESOURCE, name }],
      });
      // Settings that are not named would go back to their defaults.
      const configured = resources[0]!.configEntries.filter(
        (entry) => !entry.isDefault && entry.configName !== 'min.insync.replicas',
      );
      await admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: TOPIC_RESOURCE,
            name,
            configEntries: [
              ...configured.map(({ configName, configValue }) => ({
                name: configName,
                value: configValue,
              })),
              { name: 'min.insync.replicas', value },
            ],
          },
        ],
      });
    }
  });
}
