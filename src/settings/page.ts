import { z } from 'zod';
import type { TokenHash } from '../http/tokens';

/** Settings of the operator page. */
export interface PageSettings {
  /** Address to listen on. An address that other machines can reach needs tokens. */
  host: string;
  /** Port to listen on; 0: any free port. */
  port: number;
  /** Tokens that people log in with. None: everybody on this machine is let in. */
  tokens: TokenHash[];
  /** Whether the page only shows, and has no actions. */
  readOnly: boolean;
  /** The path below which the page lies, such as `/ops`; absent: at the root. */
  basePath?: string;
  /** A header in which a proxy in front of the page names the person. Absent: none. */
  userHeader?: string;
  /** Address of Temporal's UI, without a slash at its end. Absent: the page has no links to workflows. */
  temporalUi?: string;
  /** Address of a Grafana dashboard with a variable `stream`. Absent: the plots have no link to it. */
  grafana?: string;
}

/** Parses the address of a dashboard, which may have parameters. */
export const dashboardAddress = z
  .url({ protocol: /^https?$/, error: 'must be an address that begins with http:// or https://' })
  .refine((text) => !/[#@]/.test(text), 'must have no user or fragment');

/** Parses a path below which a page lies, without a slash at its end. */
export const basePath = z
  .string()
  .regex(/^(\/[A-Za-z0-9._~-]+)+\/?$/, 'must be a path such as /ops')
  .refine((text) => !/\/\.{1,2}(\/|$)/.test(text), 'must have no . or .. in it')
  .transform((text) => text.replace(/\/$/, ''));

/** Parses the address of a web page, without a slash at its end. */
export const webAddress = z
  .url({ protocol: /^https?$/, error: 'must be an address that begins with http:// or https://' })
  .refine((text) => !/[?#@]/.test(text), 'must have no user, query or fragment')
  .transform((text) => text.replace(/\/+$/, ''));
