import { z } from 'zod';
import { UsageError } from '../../domain/errors';
import type { SinkRecord } from '../../domain/stream/sink';
import type { HttpStatusMeaning } from './http-answer';
import { webhookKey } from './webhook-signature';

export interface HttpSinkOptions<Message = unknown> {
  /**
   * Where messages go: `http:` or `https:`, without user and password in it. A function gets each
   * record; what it makes of the record's data is its own to check, as requests go wherever it says.
   */
  url: string | URL | ((record: SinkRecord<Message>) => string | URL);
  /** Default `POST`. */
  method?: 'POST' | 'PUT';
  /** Default `application/json`. */
  contentType?: string;
  /** Further headers of every request, `authorization` for one. */
  headers?: Record<string, string>;
  /**
   * Signs each request as the Standard Webhooks specification says: `whsec_` and 24 to 64 bytes in
   * base64. Of several each makes a signature. Default: no signature.
   */
  secret?: string | string[];
  /** Milliseconds for a whole request, from connecting to the answer's status. Default 10,000. */
  timeoutMs?: number;
  /**
   * What the receiver tells a repetition by, as `Idempotency-Key` and `webhook-id`; must be the same in
   * every attempt. Default: the message id. Characters beyond `A-Z a-z 0-9 _ -` are percent-encoded,
   * and long keys end in a hash.
   */
  idempotencyKey?: (record: SinkRecord<Message>) => string;
  /** What a status means where the receiver means something else than the sink takes it for. */
  statuses?: Record<number, HttpStatusMeaning>;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What Node sends as a header's value: printable ASCII and Latin-1, and tabs. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Those the sink or the HTTP client sets itself. */
const OWN_HEADERS = new Set([
  ...['content-type', 'idempotency-key', 'webhook-id', 'webhook-timestamp', 'webhook-signature'],
  ...['traceparent', 'tracestate', 'host', 'content-length', 'transfer-encoding', 'connection'],
  ...['keep-alive', 'upgrade', 'expect', 'te', 'trailer'],
]);

const headerValue = z.string().regex(HEADER_VALUE, 'must be the value of an HTTP header');
const secretSchema = z
  .string()
  .refine(
    (secret) => webhookKey(secret) !== undefined,
    'must be whsec_ and 24 to 64 bytes in base64',
  );

const schema = z.strictObject({
  url: z.custom<HttpSinkOptions['url']>().superRefine((url, context) => {
    const fault = typeof url === 'function' ? undefined : urlFault(url);
    if (fault) context.addIssue({ code: 'custom', message: fault });
  }),
  method: z.enum(['POST', 'PUT']).default('POST'),
  contentType: headerValue.min(1).default('application/json'),
  headers: z
    .record(z.string(), headerValue)
    .superRefine((headers, context) => {
      for (const name of Object.keys(headers)) {
        const message = nameFault(name);
        if (message) context.addIssue({ code: 'custom', message, path: [name] });
      }
    })
    .default({}),
  secret: z
    .union([secretSchema.transform((one) => [one]), z.array(secretSchema).min(1)], {
      error: 'each must be whsec_ and 24 to 64 bytes in base64',
    })
    .default([]),
  timeoutMs: z.number().int().min(1).max(3_600_000).default(10_000),
  idempotencyKey: z
    .custom<(record: SinkRecord) => string>(
      (key) => typeof key === 'function',
      'must be a function',
    )
    .optional(),
  statuses: z
    .record(
      z.coerce.number().int().min(200).max(599),
      z.enum(['written', 'duplicate', 'Transient', 'Throttled', 'Permanent', 'ContentConflict']),
    )
    .default({}),
});

function nameFault(name: string): string | undefined {
  if (!TOKEN.test(name)) return 'must have the name of an HTTP header';
  return OWN_HEADERS.has(name.toLowerCase()) ? 'is set by the sink itself' : undefined;
}

/** Options with their defaults. Throws a {@link UsageError} that names each wrong one, never its value. */
export function checkHttpOptions<Message>(options: HttpSinkOptions<Message>) {
  const result = schema.safeParse(options);
  if (!result.success) throw new UsageError(`httpSink: ${z.prettifyError(result.error)}`);
  const { secret, ...checked } = result.data;
  return { ...checked, keys: secret.map((one) => webhookKey(one)!) };
}

/** What is wrong with a URL that requests are to go to, without a word of it. */
export function urlFault(url: unknown): string | undefined {
  if (!(typeof url === 'string' || url instanceof URL)) return 'must be a URL';
  if (!URL.canParse(String(url))) return 'must be a URL';
  const { protocol, username, password } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return 'must begin with http:// or https://';
  if (username || password) return 'must hold no user and password; use headers.authorization';
  return undefined;
}
