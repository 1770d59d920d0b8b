import { z } from 'zod';
import { UsageError } from '../../domain/errors';
import type { SinkRecord } from '../../domain/stream/sink';
import type { HttpStatusMeaning } from './http-answer';
import { webhookKey } from './webhook-signature';

/** What `httpSink` takes. */
export interface HttpSinkOptions<Message = unknown> {
  /**
   * Where messages go: an `http:` or `https:` URL, without user and password in it. A function gets each record.
   * The function must check the record's data that it puts into the URL, because requests go wherever the URL
   * says.
   */
  url: string | URL | ((record: SinkRecord<Message>) => string | URL);
  /** Default `POST`. */
  method?: 'POST' | 'PUT';
  /** Default `application/json`. */
  contentType?: string;
  /** Further headers of every request, for example `authorization`. */
  headers?: Record<string, string>;
  /**
   * Signs each request as the Standard Webhooks specification says. A secret is `whsec_` and 24 to 64 bytes in
   * base64. With several secrets, each makes a signature. Default: no signature.
   */
  secret?: string | string[];
  /**
   * Limit for a whole request in milliseconds, from connecting to the answer's status: 1 to 3,600,000. Default
   * 10,000.
   */
  timeoutMs?: number;
  /**
   * The key by which the receiver recognizes a repetition, sent as `Idempotency-Key` and `webhook-id`. It must be
   * the same in every attempt. Default: the message id. Characters beyond `A-Z a-z 0-9 _ -` are percent-encoded,
   * and a long key ends in a hash.
   */
  idempotencyKey?: (record: SinkRecord<Message>) => string;
  /** Meanings of statuses, if the receiver means something else than the sink assumes. */
  statuses?: Record<number, HttpStatusMeaning>;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Values that Node accepts for a header: printable ASCII and Latin-1, and tabs. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that the sink or the HTTP client sets itself. */
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

/**
 * Returns the options with their defaults. Throws a {@link UsageError} that names each wrong option, never its
 * value.
 */
export function checkHttpOptions<Message>(
  options: HttpSinkOptions<Message>,
): Omit<z.output<typeof schema>, 'secret'> & { keys: Buffer[] } {
  const result = schema.safeParse(options);
  if (!result.success) throw new UsageError(`httpSink: ${z.prettifyError(result.error)}`);
  const { secret, ...checked } = result.data;
  return { ...checked, keys: secret.map((one) => webhookKey(one)!) };
}

/** The fault of a URL for requests, without any part of the URL; undefined if there is none. */
export function urlFault(url: unknown): string | undefined {
  if (!(typeof url === 'string' || url instanceof URL)) return 'must be a URL';
  if (!URL.canParse(String(url))) return 'must be a URL';
  const { protocol, username, password } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return 'must begin with http:// or https://';
  if (username || password) return 'must hold no user and password; use headers.authorization';
  return undefined;
}
