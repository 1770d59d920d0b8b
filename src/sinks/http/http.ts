import { DeliveryError, errorMessage } from '../../domain/errors';
import type { Sink, SinkRecord, WriteContext } from '../../domain/stream/sink';
import { traceContextOf } from '../../domain/record/trace-context';
import { resultOf } from './http-answer';
import { checkHttpOptions, urlFault, type HttpSinkOptions } from './http-options';
import { httpClient, type HttpAnswer } from './http-request';
import { headerKey } from '../object-name';
import { webhookHeaders } from './webhook-signature';
import { withinTime } from '../within-time';

export type { HttpSinkOptions } from './http-options';
export type { HttpStatusMeaning } from './http-answer';

/**
 * Sends each record's own bytes in a request. Delivery is at least once, so the receiver must recognize a
 * repetition by the header `Idempotency-Key`, which is the same in every attempt. The status of the answer
 * decides; redirects are not followed. Throws a {@link UsageError} if options are wrong.
 */
export function httpSink<Message = unknown>(options: HttpSinkOptions<Message>): Sink<Message> {
  const { method, contentType, headers, keys, timeoutMs, statuses } = checkHttpOptions(options);
  const { url, idempotencyKey = ({ messageId }: SinkRecord<Message>) => messageId } = options;
  const client = httpClient();
  const fixed = typeof url === 'function' ? undefined : new URL(url);

  function headersOf(record: SinkRecord<Message>, context: WriteContext): Record<string, string> {
    const key = headerKey(idempotencyKey(record));
    if (key === '') throw new DeliveryError('Permanent', 'idempotencyKey() gives an empty key');
    return {
      ...{ 'user-agent': 'cloudsync', accept: '*/*' },
      ...lowerCase(headers),
      'content-type': contentType,
      'idempotency-key': key,
      ...(keys.length > 0 && webhookHeaders(keys, key, record.value)),
      ...(context.trace ?? traceContextOf(record)),
    };
  }

  return {
    async write(record, context) {
      const target = typeof url === 'function' ? checkedUrl(url(record)) : fixed!;
      // A path or a query may hold secrets, so only the origin is named.
      const what = `${method} to ${target.origin}`;
      const request = { method, headers: headersOf(record, context), body: record.value };
      return withinTime(
        timeoutMs,
        context.signal,
        async (signal) => {
          const answer = await explained(what, client.send(target, { ...request, signal }));
          return resultOf(what, answer, statuses);
        },
        `${what} was not answered within ${timeoutMs} ms`,
      );
    },
    close() {
      client.close();
      return Promise.resolve();
    },
  };
}

async function explained(what: string, attempt: Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await attempt;
  } catch (error) {
    throw new DeliveryError('Transient', `${what} failed: ${reason(error)}`, { cause: error });
  }
}

/** Checks the URL that `url()` returns for a record, by the rules for a fixed URL. */
function checkedUrl(url: string | URL): URL {
  const fault = urlFault(url);
  if (fault)
    throw new DeliveryError('Permanent', `the URL that url() returns for the record ${fault}`);
  return new URL(url);
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** The code of the system or of the parser, and its message. */
function reason(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const { code } = cause as { code?: unknown };
  const message = errorMessage(cause);
  return typeof code === 'string' && !message.includes(code) ? `${code}, ${message}` : message;
}
