import { z } from 'zod';
import type { TokenHash } from '../http/tokens';

/** Settings of the HTTP producer. */
export interface ApiSettings {
  /** Address to listen on. An address that other machines can reach needs tokens. */
  host: string;
  /** Port to listen on; 0: any free port. */
  port: number;
  /**
   * Port of this process's metrics. It is not `Settings.metricsPort`, because a bridge worker may run on the
   * same machine.
   */
  metricsPort: number;
  /** Bearer tokens that are accepted. None: everybody on this machine is accepted. */
  tokens: TokenHash[];
  /** The most bytes of a request's body, also after it was unpacked. */
  maxBodyBytes: number;
  /** The most messages of a request. */
  maxRecords: number;
  /** Milliseconds within which a whole request must have arrived. */
  requestTimeoutMs: number;
  /** Messages that were taken and are not acknowledged yet. */
  queueRecords: number;
  /** Bytes of the same, and of open requests. */
  queueBytes: number;
  /** Milliseconds that the first message of a batch waits for others. */
  lingerMs: number;
  /** Milliseconds that a request waits for the broker. */
  deliveryTimeoutMs: number;
}

/** Parses the hashes of tokens as a person writes them, separated by commas. */
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
