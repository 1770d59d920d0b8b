import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { LOG_LEVELS } from '../telemetry/logger';
import { tokenHashes } from './http-producer';
import { codecOrigins } from './codec-server';
import { clientIdFault } from '../kafka/client-id';
import { errorMessage } from '../domain/errors';
import { LARGEST_IDEMPOTENCY_SETTINGS as LARGEST } from '../domain/stream/idempotency-settings';
import { LARGEST_RETRY_POLICY } from '../domain/stream/retry-policy';
import { LARGEST_CHUNK_LIMITS } from '../domain/stream/stream';
import { isAccountUrl, isConnectionString } from '../sinks/object-store/azure-blob';
import { parseFaults } from '../sinks/faults';
import { prefixFault } from '../sinks/object-store/object-keys';

const MAX_PORT = 65_535;
const count = z.coerce.number<string>().int().min(1);
const port = z.coerce.number<string>().int().min(0).max(MAX_PORT);
const milliseconds = count.max(3_600_000);
/** Matches a broker. The groups are its IPv6 address, which must be in brackets, and its port. */
const BROKER = /^(?:[^\s:@[\]]+|\[([^\s@[\]]+)\]):(\d{1,5})$/;
const brokers = z
  .string()
  .transform((list) => list.split(',').map((broker) => broker.trim()))
  .pipe(
    z.array(
      z.string().refine((broker) => {
        const [, ipv6, port] = BROKER.exec(broker) ?? [];
        return port !== undefined && Number(port) <= MAX_PORT && (!ipv6 || isIPv6(ipv6));
      }, 'must be host:port, separated by commas; an IPv6 address in brackets: [::1]:9092'),
    ),
  );

const clientId = z
  .string()
  .min(1)
  .check((context) => {
    const fault = clientIdFault(context.value);
    if (fault) context.issues.push({ code: 'custom', message: fault, input: undefined });
  });

const objectPrefix = z.string().check((context) => {
  const fault = prefixFault(context.value);
  if (fault) context.issues.push({ code: 'custom', message: fault, input: undefined });
});

/** Each variable: its name, its valid values and its default. */
export const environmentSchema = z.object({
  KAFKA_BROKERS: brokers.optional(),
  KAFKA_BOOTSTRAP_SERVERS: brokers.optional(),
  KAFKA_CLIENT_ID: clientId.default('cloudsync'),
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
  CLOUDSYNC_RETRY_FAST_ATTEMPTS: count.max(LARGEST_RETRY_POLICY.fastAttempts).optional(),
  CLOUDSYNC_RETRY_MAX_ATTEMPTS: count.optional(),
  CLOUDSYNC_RETRY_INITIAL_MS: count.max(LARGEST_RETRY_POLICY.initialIntervalMs).optional(),
  CLOUDSYNC_RETRY_MAX_INTERVAL_MS: count.max(LARGEST_RETRY_POLICY.maximumIntervalMs).optional(),
  CLOUDSYNC_IDEMPOTENCY_RETENTION_MS: count.max(LARGEST.retentionMs).optional(),
  CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES: count.max(LARGEST.maxEntries).optional(),
  CLOUDSYNC_IDEMPOTENCY_CLEANUP_INTERVAL_MS: count.max(LARGEST.cleanupIntervalMs).optional(),
  CLOUDSYNC_IDEMPOTENCY_LOCK_TIMEOUT_MS: count.max(LARGEST.lockTimeoutMs).optional(),
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

/** Finds faults that no single variable shows. Zod would look for them only if everything else were right. */
export function incomplete(env: Record<string, unknown>): string[] {
  const needs = (name: string, other: string) =>
    env[name] && !env[other] ? [`${other}: is required if ${name} is set`] : [];
  const login = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'];
  return [
    ...login.flatMap((name) => needs('KAFKA_SASL_MECHANISM', name)),
    // Without a mechanism, user name and password have no effect.
    ...login.flatMap((name) => needs(name, 'KAFKA_SASL_MECHANISM')),
    ...needs('KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'),
    ...needs('KAFKA_SSL_KEY_FILE', 'KAFKA_SSL_CERT_FILE'),
    ...needs('CLOUDSYNC_WORKER_DEPLOYMENT', 'CLOUDSYNC_WORKER_BUILD_ID'),
    ...needs('CLOUDSYNC_WORKER_BUILD_ID', 'CLOUDSYNC_WORKER_DEPLOYMENT'),
  ];
}
