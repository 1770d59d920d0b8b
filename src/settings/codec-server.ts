import { z } from 'zod';
import type { TokenHash } from '../http/tokens';

/** The codec server. */
export interface CodecSettings {
  /** Address to listen on. Beyond this machine only with tokens. */
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** Where the pages come from that may ask: origins of Temporal UIs. */
  origins: string[];
  /** Bearer tokens that are let in; none: everybody on this machine. */
  tokens: TokenHash[];
}

/** Origins as a person writes them. */
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
