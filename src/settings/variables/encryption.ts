import { z } from 'zod';
import { codecOrigins } from '../codec-server';
import { tokenHashes } from '../http-producer';
import { FACTS } from './facts';
import { port } from './values';

export const ENCRYPTION = {
  CLOUDSYNC_ENCRYPTION_KEYS: z.string().optional().register(FACTS, {
    meaning: '`id:key`, separated by commas; 32 bytes each, in base64; the first encrypts',
  }),
  CLOUDSYNC_ENCRYPTION_KEYS_FILE: z.string().optional().register(FACTS, {
    meaning: 'path of a file with the same keys, one a line; this or the list',
  }),
  CLOUDSYNC_CODEC_HOST: z.string().min(1).default('127.0.0.1').register(FACTS, {
    meaning: "address of the codec server; another than this machine's needs tokens",
  }),
  CLOUDSYNC_CODEC_PORT: port.default(8089).register(FACTS, {
    meaning: 'port of the codec server; 0 takes any free one',
  }),
  CLOUDSYNC_CODEC_ORIGINS: codecOrigins
    .default(['http://127.0.0.1:8233', 'http://localhost:8233'])
    .register(FACTS, {
      meaning: 'origins of the Temporal UIs that may ask the codec server, separated by commas',
    }),
  CLOUDSYNC_CODEC_TOKENS: tokenHashes.default([]).register(FACTS, {
    meaning: 'SHA-256 hashes of bearer tokens, as `CLOUDSYNC_API_TOKENS`',
  }),
};
