import { z } from 'zod';
import type { TokenHash } from '../http/tokens';

/** The HTTP producer. */
export interface ApiSettings {
  /** Address to listen on. Beyond this machine only with tokens. */
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** As `metricsPort`, of this process: a bridge worker may run beside it. */
  metricsPort: number;
  /** Bearer tokens that are let in; none: everybody on this machine. */
  tokens: TokenHash[];
  /** Of a request, also after it was unpacked. */
  maxBodyBytes: number;
  /** Messages of a request. */
  maxRecords: number;
  /** Milliseconds in which a request must have arrived as a whole. */
  requestTimeoutMs: number;
  /** Messages, and their bytes, that were taken and are not acknowledged yet; bytes also of open requests. */
  queueRecords: number;
  queueBytes: number;
  /** Milliseconds that the first message of a batch waits for others. */
  lingerMs: number;
  /** Milliseconds that a request waits for the broker. */
  deliveryTimeoutMs: number;
}

/** Hashes of tokens as a person writes them. */
export const tokenHashes = z
  .string()
  .transform((list) => list.split(',').map((entry) => entry.trim()))
  .pipe(
    z.array(
      z
        .string()
        .regex(
          /^([\w.-]{1,64}=)?[0-9a-fA-F]{64}$/,
          'must be SHA-256 hashes (64 hexadecimal digits, or name=hash), separated by commas; "cloudsync api token" makes them',
        ),
    ),
  )
  .transform((entries) =>
    entries.map((entry): TokenHash => {
      const [hash, name] = entry.split('=').reverse();
      return { ...(name && { name }), hash: hash! };
    }),
  );
