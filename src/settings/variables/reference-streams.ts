import { join } from 'node:path';
import { z } from 'zod';
import { errorMessage } from '../../domain/errors';
import {
  DEFAULT_IDEMPOTENCY_SETTINGS as IDEMPOTENCY,
  LARGEST_IDEMPOTENCY_SETTINGS as LARGEST_IDEMPOTENCY,
} from '../../domain/stream/idempotency-settings';
import {
  DEFAULT_RETRY_POLICY as RETRY,
  LARGEST_RETRY_POLICY as LARGEST_RETRY,
} from '../../domain/stream/retry-policy';
import {
  DEFAULT_CHUNK_LIMITS as CHUNK,
  LARGEST_CHUNK_LIMITS as LARGEST_CHUNK,
} from '../../domain/stream/stream';
import { parseFaults } from '../../sinks/faults';
import { isAccountUrl, isConnectionString } from '../../sinks/object-store/azure-blob';
import { prefixFault } from '../../sinks/object-store/object-keys';
import { FACTS } from './facts';
import { count } from './values';

const objectPrefix = z.string().check((context) => {
  const fault = prefixFault(context.value);
  if (fault) context.issues.push({ code: 'custom', message: fault, input: undefined });
});

/** Where the reference streams read and write. */
const PLACES = {
  CLOUDSYNC_TOPIC: z.string().min(1).default('cloudsync.messages').register(FACTS, {
    meaning: 'topic of the reference streams; default topic of `send`',
  }),
  CLOUDSYNC_SINK_DIR: z.string().min(1).default(join('.cloudsync', 'sink')).register(FACTS, {
    meaning: 'folder of the filesystem sink, one folder a stream below it',
    unit: 'path',
  }),
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
    })
    .register(FACTS, { meaning: 'faults on demand, see below', otherwise: 'none' }),
  CLOUDSYNC_SINK: z.enum(['file', 'cloud']).default('file').register(FACTS, {
    meaning: '`file`, or `cloud`: stream `aws` writes to S3, `azure` to Azure Blob',
  }),
  CLOUDSYNC_S3_BUCKET: z.string().trim().min(1).optional().register(FACTS, {
    meaning: 'bucket of stream `aws`; needed with `cloud`',
  }),
  CLOUDSYNC_S3_PREFIX: objectPrefix.optional().register(FACTS, {
    meaning: 'what all keys begin with, without `/` at either end',
  }),
  CLOUDSYNC_S3_FORCE_PATH_STYLE: z.stringbool().default(false).register(FACTS, {
    meaning: '`endpoint/bucket/key`, for servers other than AWS',
  }),
  CLOUDSYNC_AZURE_CONTAINER: z.string().trim().min(1).optional().register(FACTS, {
    meaning: 'container of stream `azure`; needed with `cloud`',
  }),
  CLOUDSYNC_AZURE_PREFIX: objectPrefix.optional().register(FACTS, {
    meaning: 'what all names begin with, without `/` at either end',
  }),
  CLOUDSYNC_AZURE_ACCOUNT_URL: z
    .string()
    .refine(isAccountUrl, 'must be an https:// URL without user and password')
    .optional()
    .register(FACTS, {
      meaning:
        'the blob service, with the default Azure credential; this or a connection string is needed with `cloud`',
      unit: 'URL',
    }),
  AZURE_STORAGE_CONNECTION_STRING: z
    .string()
    .refine(isConnectionString, 'must be the connection string of a storage account')
    .optional()
    .register(FACTS, { meaning: 'the storage account; goes before the account URL' }),
};

const LANE = {
  CLOUDSYNC_LANE: z.enum(['record', 'chunk']).default('record').register(FACTS, {
    meaning:
      '`record`: a workflow a record; `chunk`: one for many, see [lanes](../guides/lanes.md)',
  }),
  CLOUDSYNC_CHUNK_MAX_RECORDS: count.max(LARGEST_CHUNK.maxRecords).optional().register(FACTS, {
    meaning: 'a chunk is complete with this many records',
    unit: 'records',
    default: CHUNK.maxRecords,
  }),
  CLOUDSYNC_CHUNK_MAX_BYTES: count.optional().register(FACTS, {
    meaning: 'or with this many bytes of keys, values and headers',
    unit: 'bytes',
    default: CHUNK.maxBytes,
  }),
  CLOUDSYNC_CHUNK_LINGER_MS: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(LARGEST_CHUNK.lingerMs)
    .optional()
    .register(FACTS, {
      meaning: 'or when its first record has waited this long',
      unit: 'milliseconds',
      default: CHUNK.lingerMs,
    }),
  CLOUDSYNC_CHUNK_OBJECTS: z.stringbool().default(false).register(FACTS, {
    meaning: 'in the chunk lane: one object a chunk in place of one a message',
  }),
};

const RETRIES = {
  CLOUDSYNC_RETRY_FAST_ATTEMPTS: count
    .max(LARGEST_RETRY.fastAttempts)
    .optional()
    .register(FACTS, {
      meaning: `local attempts, 100 ms apart; 1 to ${LARGEST_RETRY.fastAttempts}`,
      unit: 'attempts',
      default: RETRY.fastAttempts,
    }),
  CLOUDSYNC_RETRY_MAX_ATTEMPTS: count.optional().register(FACTS, {
    meaning: 'regular attempts after the local ones',
    unit: 'attempts',
    default: RETRY.maximumAttempts,
  }),
  CLOUDSYNC_RETRY_INITIAL_MS: count
    .max(LARGEST_RETRY.initialIntervalMs)
    .optional()
    .register(FACTS, {
      meaning: 'wait before the second regular attempt; doubles each time',
      unit: 'milliseconds',
      default: RETRY.initialIntervalMs,
    }),
  CLOUDSYNC_RETRY_MAX_INTERVAL_MS: count
    .max(LARGEST_RETRY.maximumIntervalMs)
    .optional()
    .register(FACTS, {
      meaning: 'longest wait between attempts',
      unit: 'milliseconds',
      default: RETRY.maximumIntervalMs,
    }),
};

const RECENT = {
  CLOUDSYNC_IDEMPOTENCY_RETENTION_MS: count
    .max(LARGEST_IDEMPOTENCY.retentionMs)
    .optional()
    .register(FACTS, {
      meaning: 'how long layer `recent` remembers a delivered message',
      unit: 'milliseconds',
      default: IDEMPOTENCY.retentionMs,
    }),
  CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES: count
    .max(LARGEST_IDEMPOTENCY.maxEntries)
    .optional()
    .register(FACTS, {
      meaning: 'how many messages the layer remembers at most; the oldest go first',
      unit: 'messages',
      default: IDEMPOTENCY.maxEntries,
    }),
  CLOUDSYNC_IDEMPOTENCY_CLEANUP_INTERVAL_MS: count
    .max(LARGEST_IDEMPOTENCY.cleanupIntervalMs)
    .optional()
    .register(FACTS, {
      meaning: 'how often expired entries are removed',
      unit: 'milliseconds',
      default: IDEMPOTENCY.cleanupIntervalMs,
    }),
  CLOUDSYNC_IDEMPOTENCY_LOCK_TIMEOUT_MS: count
    .max(LARGEST_IDEMPOTENCY.lockTimeoutMs)
    .optional()
    .register(FACTS, {
      meaning: 'how long a duplicate waits for the first one in flight',
      unit: 'milliseconds',
      default: IDEMPOTENCY.lockTimeoutMs,
    }),
  CLOUDSYNC_IDEMPOTENCY_STATISTICS: z.stringbool().optional().register(FACTS, {
    meaning: 'whether the layer counts what it does',
    default: IDEMPOTENCY.statistics,
  }),
  CLOUDSYNC_IDEMPOTENCY_DETAILED_LOGGING: z.stringbool().optional().register(FACTS, {
    meaning: 'whether the layer logs each mark, eviction and lock, at level `debug`',
    default: IDEMPOTENCY.detailedLogging,
  }),
};

export const REFERENCE_STREAMS = { ...PLACES, ...LANE, ...RETRIES, ...RECENT };
