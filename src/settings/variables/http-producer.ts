import { z } from 'zod';
import { tokenHashes } from '../http-producer';
import { FACTS } from './facts';
import { count, milliseconds, port } from './values';

const MAX_LINGER_MS = 1_000;

export const HTTP_PRODUCER = {
  CLOUDSYNC_API_HOST: z.string().min(1).default('127.0.0.1').register(FACTS, {
    meaning: "address to listen on; another than this machine's needs tokens",
  }),
  CLOUDSYNC_API_PORT: port.default(8088).register(FACTS, {
    meaning: 'port to listen on; 0 takes any free one',
  }),
  CLOUDSYNC_API_METRICS_PORT: port.default(9465).register(FACTS, {
    meaning: 'as `CLOUDSYNC_METRICS_PORT`, for this process: a bridge may run beside it',
  }),
  CLOUDSYNC_API_TOKENS: tokenHashes.default([]).register(FACTS, {
    meaning: 'SHA-256 hashes of bearer tokens, `hash` or `name=hash`, separated by commas',
  }),
  CLOUDSYNC_API_TOKEN: z.string().trim().optional().register(FACTS, {
    meaning: 'bearer token with which `scenarios --api` calls the HTTP producer',
  }),
  CLOUDSYNC_API_MAX_BODY_BYTES: count.default(16 * 1024 * 1024).register(FACTS, {
    meaning: 'most bytes of a request, also after it was unpacked',
    unit: 'bytes',
  }),
  CLOUDSYNC_API_MAX_RECORDS: count.default(10_000).register(FACTS, {
    meaning: 'most messages of a request',
    unit: 'messages',
  }),
  CLOUDSYNC_API_REQUEST_TIMEOUT_MS: milliseconds.default(30_000).register(FACTS, {
    meaning: 'time in which a request must have arrived',
    unit: 'milliseconds',
  }),
  CLOUDSYNC_API_QUEUE_RECORDS: count.default(100_000).register(FACTS, {
    meaning: 'most messages that are taken and not yet acknowledged by the broker; then 503',
    unit: 'messages',
  }),
  CLOUDSYNC_API_QUEUE_BYTES: count.default(64 * 1024 * 1024).register(FACTS, {
    meaning: 'most bytes of these messages, and of requests that are not answered yet; then 503',
    unit: 'bytes',
  }),
  CLOUDSYNC_API_LINGER_MS: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(MAX_LINGER_MS)
    .default(5)
    .register(FACTS, {
      meaning: `time that the first message of a batch waits for others; 0 to ${MAX_LINGER_MS}`,
      unit: 'milliseconds',
    }),
  CLOUDSYNC_API_DELIVERY_TIMEOUT_MS: milliseconds.default(30_000).register(FACTS, {
    meaning: 'time that a request waits for the broker; then 503',
    unit: 'milliseconds',
  }),
};
