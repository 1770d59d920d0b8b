import { z } from 'zod';
import type { TokenHash } from '../http/tokens';

/** Settings of the codec server. */
export interface CodecSettings {
  /** Address to listen on. An address that other machines can reach needs tokens. */
  host: string;
  /** Port to listen on; 0: any free port. */
  port: number;
  /** Origins of the web pages that may send requests: the Temporal UIs. */
  origins: string[];
  /** Bearer tokens that are accepted. None: everybody on this machine is accepted. */
  tokens: TokenHash[];
}

/** Parses origins as a person writes them, separated by commas. */
export const codecOrigins = z
  .string()
  .transform((list) => list.split(',').map((origin) => origin.trim()))
  .pipe(
    z.array(
      z
        .string()
        .refine(
          isOrigin,
          'must be origins as a browser sends them, http://host:port or https://host, separated by commas',
        ),
    ),
  );

function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
