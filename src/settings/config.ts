import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { AzureSettings, S3Settings } from './cloud-settings';
import type { ApiSettings } from './http-producer';
import type { KafkaSettings } from '../kafka/kafka';
import type { TemporalSettings } from '../temporal/temporal';
import { encryptionCodec } from '../temporal/encryption/encryption-codec';
import type { CodecSettings } from './codec-server';
import type { PageSettings } from './page';
import { readEncryptionKeys } from './encryption-settings';
import { environmentSchema, incomplete } from './environment-schema';
import type { LogLevel } from '../telemetry/logger';
import { errorMessage, UsageError } from '../domain/errors';
import type { IdempotencySettings } from '../domain/stream/idempotency-settings';
import type { ExecutionOptions } from '../domain/stream/stream';
import type { RetryPolicy } from '../domain/stream/retry-policy';
import { kafkaTls } from './kafka-tls';
import {
  LOCAL_ENV_FILE,
  namesOwn,
  unknownToAwsSdk,
  withLocalEnvironment,
} from './local-environment';
import type { Faults } from '../sinks/faults';
import { DEFAULT_BROKER } from './variables/kafka';
import { DEFAULT_ADDRESS, DEFAULT_NAMESPACE } from './variables/temporal';

export { LOCAL_ENV_FILE };

/** All settings. Only this module reads the environment; all other code receives these values. */
export interface Settings {
  /** How to reach Kafka, from `KAFKA_*`. */
  kafka: KafkaSettings;
  /** How to reach Temporal, from `TEMPORAL_*` and the encryption keys. */
  temporal: TemporalSettings;
  /** Topic of the reference streams. */
  topic: string;
  /** Path of a module that exports the streams. Undefined: the reference streams. */
  streams: string | undefined;
  /** Folder of the filesystem sink. Each stream has a folder of its own in it. */
  sinkDirectory: string;
  /** Faults on demand of the reference streams' sinks, from `CLOUDSYNC_FAULTS`; none by default. */
  faults: Faults;
  /** Where the reference streams write: to files, or each stream to its cloud. */
  sink: 'file' | 'cloud';
  /** Where the reference stream `aws` writes to. */
  s3: S3Settings;
  /** Where the reference stream `azure` writes to. */
  azure: AzureSettings;
  /** Lane of the reference streams. */
  execution: ExecutionOptions;
  /** Whether a chunk of the reference streams becomes one object. */
  chunkObjects: boolean;
  /** The HTTP producer. */
  api: ApiSettings;
  /** Bearer token that commands send to the HTTP producer. Absent: none. */
  apiToken?: string;
  /** Settings of the codec server. */
  codec: CodecSettings;
  /** Settings of the operator page. */
  page: PageSettings;
  /** Retries of the reference streams; what is absent has the default of {@link RetryPolicy}. */
  retry: Partial<RetryPolicy>;
  /** Memory of the reference streams for duplicates; what is absent has the default of {@link IdempotencySettings}. */
  idempotency: Partial<IdempotencySettings>;
  /** Port of `/metrics`, `/livez` and `/readyz`; 0: any free port. */
  metricsPort: number;
  /** Address of `/metrics`, `/livez` and `/readyz`: 127.0.0.1 by default, `0.0.0.0` in a container. */
  metricsHost: string;
  /** From which level on lines are logged. Default `info`. */
  logLevel: LogLevel;
  /** Milliseconds without progress after which a partition with work counts as stalled. */
  stalledAfterMs: number;
  /** Whether spans are exported. The `OTEL_*` variables say where they are exported to. */
  tracing: boolean;
  /** What the environment says about local servers, for `dev up`. */
  dev: {
    /** Brokers that the environment names; absent: `dev up` starts a Kafka. */
    brokers?: string[];
    /** Temporal's address in the environment; absent: `dev up` starts a Temporal. */
    temporalAddress?: string;
    /** Namespace that the environment names; absent: `default`. */
    namespace?: string;
    /** Whether the Temporal CLI may be downloaded. */
    download: boolean;
    /** Whether the environment names an S3. */
    s3: boolean;
    /** Whether the environment names a storage account. */
    blob: boolean;
    /** Folder for the data and the logs of the servers. */
    directory: string;
  };
}

/**
 * Reads the settings from environment variables. Throws one {@link UsageError} that names every wrong or
 * unknown variable, but never its value, which may be a secret. `own` is the process's environment, which
 * some libraries read themselves.
 */
export function loadSettings(
  env: NodeJS.ProcessEnv,
  own: NodeJS.ProcessEnv = processEnvironment(),
): Settings {
  const unknown = Object.keys(env)
    .filter((name) => name.startsWith('CLOUDSYNC_') && !(name in environmentSchema.shape))
    .map((name) => `${name}: unknown setting`);
  // A shell or a compose file leaves an unset variable empty.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const result = environmentSchema.safeParse(given);
  const temporal = temporalSettings(given as Record<string, string>);
  const ssl = result.data && kafkaTls(result.data);
  const keys = readEncryptionKeys(given);
  const faults = [
    // A message about one entry of a list says what all entries of the list must be.
    ...(result.error?.issues ?? []).map(({ path, message }) => `${String(path[0])}: ${message}`),
    ...incomplete(given),
    ...(Array.isArray(ssl) ? ssl : []),
    ...(typeof temporal === 'string' ? [temporal] : []),
    ...(typeof keys === 'string' ? [keys] : []),
    ...unknown,
  ];
  if (
    !result.success ||
    Array.isArray(ssl) ||
    typeof temporal === 'string' ||
    typeof keys === 'string' ||
    faults.length > 0
  ) {
    throw new UsageError(`invalid settings:\n  ${faults.join('\n  ')}`);
  }
  const values = result.data;
  const givenBrokers = values.KAFKA_BROKERS ?? values.KAFKA_BOOTSTRAP_SERVERS;
  return {
    kafka: {
      brokers: givenBrokers ?? [DEFAULT_BROKER],
      clientId: values.KAFKA_CLIENT_ID,
      ssl: ssl!,
      ...(values.KAFKA_SASL_MECHANISM && {
        sasl: {
          mechanism: values.KAFKA_SASL_MECHANISM as 'plain',
          username: values.KAFKA_SASL_USERNAME!,
          password: values.KAFKA_SASL_PASSWORD!,
        },
      }),
    },
    temporal: {
      ...temporal,
      ...(keys && { codec: encryptionCodec(keys) }),
      ...(values.CLOUDSYNC_WORKER_DEPLOYMENT && {
        workerVersion: {
          deploymentName: values.CLOUDSYNC_WORKER_DEPLOYMENT,
          buildId: values.CLOUDSYNC_WORKER_BUILD_ID!,
        },
      }),
    },
    topic: values.CLOUDSYNC_TOPIC,
    streams: values.CLOUDSYNC_STREAMS,
    sinkDirectory: values.CLOUDSYNC_SINK_DIR,
    faults: values.CLOUDSYNC_FAULTS,
    sink: values.CLOUDSYNC_SINK,
    s3: {
      ...present({ bucket: values.CLOUDSYNC_S3_BUCKET, prefix: values.CLOUDSYNC_S3_PREFIX }),
      forcePathStyle: values.CLOUDSYNC_S3_FORCE_PATH_STYLE,
      client: unknownToAwsSdk(given, own),
    },
    azure: present({
      container: values.CLOUDSYNC_AZURE_CONTAINER,
      prefix: values.CLOUDSYNC_AZURE_PREFIX,
      connectionString: values.AZURE_STORAGE_CONNECTION_STRING,
      accountUrl: values.CLOUDSYNC_AZURE_ACCOUNT_URL,
    }),
    execution:
      values.CLOUDSYNC_LANE === 'record'
        ? { lane: 'record' }
        : {
            lane: 'chunk',
            ...present({
              maxRecords: values.CLOUDSYNC_CHUNK_MAX_RECORDS,
              maxBytes: values.CLOUDSYNC_CHUNK_MAX_BYTES,
              lingerMs: values.CLOUDSYNC_CHUNK_LINGER_MS,
            }),
          },
    chunkObjects: values.CLOUDSYNC_CHUNK_OBJECTS,
    api: {
      host: values.CLOUDSYNC_API_HOST,
      port: values.CLOUDSYNC_API_PORT,
      metricsPort: values.CLOUDSYNC_API_METRICS_PORT,
      tokens: values.CLOUDSYNC_API_TOKENS,
      maxBodyBytes: values.CLOUDSYNC_API_MAX_BODY_BYTES,
      maxRecords: values.CLOUDSYNC_API_MAX_RECORDS,
      requestTimeoutMs: values.CLOUDSYNC_API_REQUEST_TIMEOUT_MS,
      queueRecords: values.CLOUDSYNC_API_QUEUE_RECORDS,
      queueBytes: values.CLOUDSYNC_API_QUEUE_BYTES,
      lingerMs: values.CLOUDSYNC_API_LINGER_MS,
      deliveryTimeoutMs: values.CLOUDSYNC_API_DELIVERY_TIMEOUT_MS,
    },
    ...(values.CLOUDSYNC_API_TOKEN && { apiToken: values.CLOUDSYNC_API_TOKEN }),
    codec: {
      host: values.CLOUDSYNC_CODEC_HOST,
      port: values.CLOUDSYNC_CODEC_PORT,
      origins: values.CLOUDSYNC_CODEC_ORIGINS,
      tokens: values.CLOUDSYNC_CODEC_TOKENS,
    },
    page: {
      host: values.CLOUDSYNC_PAGE_HOST,
      port: values.CLOUDSYNC_PAGE_PORT,
      tokens: values.CLOUDSYNC_PAGE_TOKENS,
      readOnly: values.CLOUDSYNC_PAGE_READ_ONLY,
      ...present({
        temporalUi: values.CLOUDSYNC_PAGE_TEMPORAL_UI,
        basePath: values.CLOUDSYNC_PAGE_BASE_PATH,
        userHeader: values.CLOUDSYNC_PAGE_USER_HEADER,
        grafana: values.CLOUDSYNC_PAGE_GRAFANA,
      }),
    },
    retry: present({
      fastAttempts: values.CLOUDSYNC_RETRY_FAST_ATTEMPTS,
      maximumAttempts: values.CLOUDSYNC_RETRY_MAX_ATTEMPTS,
      initialIntervalMs: values.CLOUDSYNC_RETRY_INITIAL_MS,
      maximumIntervalMs: values.CLOUDSYNC_RETRY_MAX_INTERVAL_MS,
    }),
    idempotency: present({
      retentionMs: values.CLOUDSYNC_IDEMPOTENCY_RETENTION_MS,
      maxEntries: values.CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES,
      cleanupIntervalMs: values.CLOUDSYNC_IDEMPOTENCY_CLEANUP_INTERVAL_MS,
      lockTimeoutMs: values.CLOUDSYNC_IDEMPOTENCY_LOCK_TIMEOUT_MS,
      statistics: values.CLOUDSYNC_IDEMPOTENCY_STATISTICS,
      detailedLogging: values.CLOUDSYNC_IDEMPOTENCY_DETAILED_LOGGING,
    }),
    metricsPort: values.CLOUDSYNC_METRICS_PORT,
    metricsHost: values.CLOUDSYNC_METRICS_HOST,
    logLevel: values.CLOUDSYNC_LOG_LEVEL,
    stalledAfterMs: values.CLOUDSYNC_STALLED_AFTER_MS,
    tracing: values.CLOUDSYNC_TRACING,
    dev: {
      ...(givenBrokers && { brokers: givenBrokers }),
      ...(values.TEMPORAL_ADDRESS && { temporalAddress: values.TEMPORAL_ADDRESS }),
      ...(values.TEMPORAL_NAMESPACE && { namespace: values.TEMPORAL_NAMESPACE }),
      download: values.CLOUDSYNC_DEV_DOWNLOAD,
      directory: values.CLOUDSYNC_DEV_DIR,
      s3: namesOwn('s3', given),
      blob: namesOwn('blob', given),
    },
  };
}

/** The process's environment as it is. */
export function processEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/** The process's environment, completed by what `dev up` and the demo left in {@link LOCAL_ENV_FILE}. */
export function environment(): NodeJS.ProcessEnv {
  return withLocalEnvironment(processEnvironment());
}

/**
 * Reads Temporal's own variables and profile file with Temporal's own library. Returns a text if they are
 * wrong.
 */
function temporalSettings(env: Record<string, string>): TemporalSettings | string {
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: env });
    // Errors show the address. A password in it would be useless, and everybody who reads the errors would
    // see it.
    if (connectionOptions.address?.includes('@')) throw new Error('the address must be host:port');
    return {
      namespace: namespace ?? DEFAULT_NAMESPACE,
      connection: { ...connectionOptions, address: connectionOptions.address ?? DEFAULT_ADDRESS },
    };
  } catch (error) {
    // After its first line, the TOML parser's message shows lines of the file, which may contain an API key.
    return `TEMPORAL_*: ${errorMessage(error).split('\n')[0]}`;
  }
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}
