import { join } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import type { AzureSettings, S3Settings } from './cloud-settings';
import { tokenHashes, type ApiSettings } from './api/settings';
import type { KafkaSettings } from './clients/kafka';
import type { TemporalSettings } from './clients/temporal';
import { encryptionCodec } from './codec/encryption-codec';
import { codecOrigins, type CodecSettings } from './codec/settings';
import { readEncryptionKeys } from './encryption-settings';
import { errorMessage, UsageError } from './domain/errors';
import type { IdempotencySettings } from './domain/idempotency-settings';
import { LARGEST_CHUNK_LIMITS, type ExecutionOptions } from './domain/stream';
import type { RetryPolicy } from './domain/retry-policy';
import { kafkaTls } from './kafka-tls';
import {
  LOCAL_ENV_FILE,
  namesOwn,
  unknownToAwsSdk,
  withLocalEnvironment,
} from './local-environment';
import { isAccountUrl, isConnectionString } from './sinks/azure-blob';
import { parseFaults, type Faults } from './sinks/faults';
import { prefixFault } from './sinks/object-keys';

export { LOCAL_ENV_FILE };

/** The only reader of the environment. Everything else receives these values. */
export interface Settings {
  kafka: KafkaSettings;
  temporal: TemporalSettings;
  /** Topic of the reference streams. */
  topic: string;
  /** Path of a module that exports the streams; absent: the reference streams. */
  streams: string | undefined;
  /** Folder of the filesystem sink, one folder a stream below it. */
  sinkDirectory: string;
  faults: Faults;
  /** Sinks of the reference streams: files, or the cloud of each. */
  sink: 'file' | 'cloud';
  /** Where the reference stream `aws` writes to. */
  s3: S3Settings;
  /** Where the reference stream `azure` writes to. */
  azure: AzureSettings;
  /** Lane of the reference streams. */
  execution: ExecutionOptions;
  /** Whether a chunk of the reference streams becomes one object. */
  chunkObjects: boolean;
  api: ApiSettings;
  /** Bearer token with which commands call the HTTP producer; absent: none. */
  apiToken?: string;
  /** The codec server. */
  codec: CodecSettings;
  retry: Partial<RetryPolicy>;
  idempotency: Partial<IdempotencySettings>;
  /** Port of `/metrics`, `/livez`, `/readyz` on 127.0.0.1; 0 takes any free one. */
  metricsPort: number;
  /** Address of the same; `0.0.0.0` in a container. */
  metricsHost: string;
  logLevel: LogLevel;
  /** Milliseconds without progress after which a partition with work is called stalled. */
  stalledAfterMs: number;
  /** Whether spans are exported; where to is said by the `OTEL_*` variables. */
  tracing: boolean;
  /** What is given of the local servers, for `dev up`. */
  dev: {
    brokers?: string[];
    temporalAddress?: string;
    namespace?: string;
    /** Whether the Temporal CLI may be downloaded. */
    download: boolean;
    /** Whether the environment names an S3, and a storage account. */
    s3: boolean;
    blob: boolean;
    /** Folder for servers' data and logs. */
    directory: string;
  };
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const MAX_PORT = 65_535;
const count = z.coerce.number<string>().int().min(1);
const port = z.coerce.number<string>().int().min(0).max(MAX_PORT);
const milliseconds = count.max(3_600_000);
const brokers = z
  .string()
  .transform((list) => list.split(',').map((broker) => broker.trim()))
  .pipe(
    z.array(
      z
        .string()
        .refine(
          (broker) => /^[^\s:@]+:\d{1,5}$/.test(broker) && Number(broker.split(':')[1]) <= MAX_PORT,
          'must be host:port, separated by commas',
        ),
    ),
  );

const objectPrefix = z.string().check((context) => {
  const fault = prefixFault(context.value);
  if (fault) context.issues.push({ code: 'custom', message: fault, input: undefined });
});

const schema = z.object({
  KAFKA_BROKERS: brokers.optional(),
  KAFKA_BOOTSTRAP_SERVERS: brokers.optional(),
  KAFKA_CLIENT_ID: z.string().min(1).default('cloudsync'),
  KAFKA_SSL: z.stringbool().default(false),
  KAFKA_SSL_CA_FILE: z.string().optional(),
  KAFKA_SSL_CERT_FILE: z.string().optional(),
  KAFKA_SSL_KEY_FILE: z.string().optional(),
  KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
  CLOUDSYNC_TOPIC: z.string().min(1).default('cloudsync.messages'),
  CLOUDSYNC_STREAMS: z.string().min(1).optional(),
  CLOUDSYNC_SINK_DIR: z.string().min(1).default(join('.cloudsync', 'sink')),
  CLOUDSYNC_FAULTS: z
    .string()
    .default('')
    .transform((text, context) => {
      try {
        return parseFaults(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: errorMessage(error) });
        return z.NEVER;
      }
    }),
  CLOUDSYNC_SINK: z.enum(['file', 'cloud']).default('file'),
  CLOUDSYNC_S3_BUCKET: z.string().trim().min(1).optional(),
  CLOUDSYNC_S3_PREFIX: objectPrefix.optional(),
  CLOUDSYNC_S3_FORCE_PATH_STYLE: z.stringbool().default(false),
  CLOUDSYNC_AZURE_CONTAINER: z.string().trim().min(1).optional(),
  CLOUDSYNC_AZURE_PREFIX: objectPrefix.optional(),
  CLOUDSYNC_AZURE_ACCOUNT_URL: z
    .string()
    .refine(isAccountUrl, 'must be an https:// URL without user and password')
    .optional(),
  AZURE_STORAGE_CONNECTION_STRING: z
    .string()
    .refine(isConnectionString, 'must be the connection string of a storage account')
    .optional(),
  CLOUDSYNC_LANE: z.enum(['record', 'chunk']).default('record'),
  CLOUDSYNC_CHUNK_MAX_RECORDS: count.max(LARGEST_CHUNK_LIMITS.maxRecords).optional(),
  CLOUDSYNC_CHUNK_MAX_BYTES: count.optional(),
  CLOUDSYNC_CHUNK_LINGER_MS: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(LARGEST_CHUNK_LIMITS.lingerMs)
    .optional(),
  CLOUDSYNC_CHUNK_OBJECTS: z.stringbool().default(false),
  CLOUDSYNC_API_HOST: z.string().min(1).default('127.0.0.1'),
  CLOUDSYNC_API_PORT: port.default(8088),
  CLOUDSYNC_API_METRICS_PORT: port.default(9465),
  CLOUDSYNC_API_TOKENS: tokenHashes.default([]),
  CLOUDSYNC_API_TOKEN: z.string().trim().optional(),
  CLOUDSYNC_API_MAX_BODY_BYTES: count.default(16 * 1024 * 1024),
  CLOUDSYNC_API_MAX_RECORDS: count.default(10_000),
  CLOUDSYNC_API_REQUEST_TIMEOUT_MS: milliseconds.default(30_000),
  CLOUDSYNC_API_QUEUE_RECORDS: count.default(100_000),
  CLOUDSYNC_API_QUEUE_BYTES: count.default(64 * 1024 * 1024),
  CLOUDSYNC_API_LINGER_MS: z.coerce.number<string>().int().min(0).max(1_000).default(5),
  CLOUDSYNC_API_DELIVERY_TIMEOUT_MS: milliseconds.default(30_000),
  CLOUDSYNC_RETRY_FAST_ATTEMPTS: count.optional(),
  CLOUDSYNC_RETRY_MAX_ATTEMPTS: count.optional(),
  CLOUDSYNC_RETRY_INITIAL_MS: count.optional(),
  CLOUDSYNC_RETRY_MAX_INTERVAL_MS: count.optional(),
  CLOUDSYNC_IDEMPOTENCY_RETENTION_MS: count.optional(),
  CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES: count.optional(),
  CLOUDSYNC_IDEMPOTENCY_CLEANUP_INTERVAL_MS: count.optional(),
  CLOUDSYNC_IDEMPOTENCY_LOCK_TIMEOUT_MS: count.optional(),
  CLOUDSYNC_IDEMPOTENCY_STATISTICS: z.stringbool().optional(),
  CLOUDSYNC_IDEMPOTENCY_DETAILED_LOGGING: z.stringbool().optional(),
  CLOUDSYNC_ENCRYPTION_KEYS: z.string().optional(),
  CLOUDSYNC_ENCRYPTION_KEYS_FILE: z.string().optional(),
  CLOUDSYNC_CODEC_HOST: z.string().min(1).default('127.0.0.1'),
  CLOUDSYNC_CODEC_PORT: port.default(8089),
  CLOUDSYNC_CODEC_ORIGINS: codecOrigins.default(['http://127.0.0.1:8233', 'http://localhost:8233']),
  CLOUDSYNC_CODEC_TOKENS: tokenHashes.default([]),
  CLOUDSYNC_WORKER_DEPLOYMENT: z.string().optional(),
  CLOUDSYNC_WORKER_BUILD_ID: z.string().optional(),
  CLOUDSYNC_METRICS_PORT: port.default(9464),
  CLOUDSYNC_METRICS_HOST: z.string().min(1).default('127.0.0.1'),
  CLOUDSYNC_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  CLOUDSYNC_STALLED_AFTER_MS: milliseconds.min(1_000).default(60_000),
  CLOUDSYNC_TRACING: z.stringbool().default(false),
  CLOUDSYNC_DEV_DIR: z.string().min(1).default(join('.cloudsync', 'dev')),
  CLOUDSYNC_DEV_DOWNLOAD: z.stringbool().default(true),
  TEMPORAL_ADDRESS: z.string().optional(),
  TEMPORAL_NAMESPACE: z.string().optional(),
});

/** What no single variable shows. Zod would look at this only where all else is right. */
function incomplete(env: Record<string, unknown>): string[] {
  const needs = (name: string, other: string) =>
    env[name] && !env[other] ? [`${other}: is needed with ${name}`] : [];
  const login = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'];
  return [
    ...login.flatMap((name) => needs('KAFKA_SASL_MECHANISM', name)),
    // Without it nobody logs in.
    ...login
      .filter((name) => env[name] && !env.KAFKA_SASL_MECHANISM)
      .map((name) => `${name}: KAFKA_SASL_MECHANISM is needed with it`),
    ...needs('KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'),
    ...needs('KAFKA_SSL_KEY_FILE', 'KAFKA_SSL_CERT_FILE'),
    ...needs('CLOUDSYNC_WORKER_DEPLOYMENT', 'CLOUDSYNC_WORKER_BUILD_ID'),
    ...needs('CLOUDSYNC_WORKER_BUILD_ID', 'CLOUDSYNC_WORKER_DEPLOYMENT'),
  ];
}

/**
 * Settings from environment variables. Throws one {@link UsageError} that names every wrong or
 * unknown variable, never its value: it may be a secret. `own` is what libraries that read the
 * process's environment by themselves find there.
 */
export function loadSettings(
  env: NodeJS.ProcessEnv,
  own: NodeJS.ProcessEnv = processEnvironment(),
): Settings {
  const unknown = Object.keys(env)
    .filter((name) => name.startsWith('CLOUDSYNC_') && !(name in schema.shape))
    .map((name) => `${name}: there is no such setting`);
  // An empty variable is what a shell or a compose file leaves of an unset one.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const result = schema.safeParse(given);
  const temporal = temporalSettings(given as Record<string, string>);
  const ssl = result.data && kafkaTls(result.data);
  const keys = readEncryptionKeys(given);
  const faults = [
    ...(result.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`),
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
    throw new UsageError(`wrong settings:\n  ${faults.join('\n  ')}`);
  }
  const values = result.data;
  const givenBrokers = values.KAFKA_BROKERS ?? values.KAFKA_BOOTSTRAP_SERVERS;
  return {
    kafka: {
      brokers: givenBrokers ?? ['127.0.0.1:9092'],
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

/** The same with what `dev up` and the demo left in {@link LOCAL_ENV_FILE}. */
export function environment(): NodeJS.ProcessEnv {
  return withLocalEnvironment(processEnvironment());
}

/** Temporal's own names and profile file, read by its own library; or what is wrong with them. */
function temporalSettings(env: Record<string, string>): TemporalSettings | string {
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: env });
    // Errors show the address; a password in it would be no use but to whoever reads them.
    if (connectionOptions.address?.includes('@')) throw new Error('the address must be host:port');
    return {
      namespace: namespace ?? 'default',
      connection: { ...connectionOptions, address: connectionOptions.address ?? '127.0.0.1:7233' },
    };
  } catch (error) {
    // Behind the first line the TOML parser shows lines of the file, which may hold an API key.
    return `TEMPORAL_*: ${errorMessage(error).split('\n')[0]}`;
  }
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}
