import { DeliveryError, errorMessage } from '../domain/errors';
import type { Sink, SinkRecord, WriteContext } from '../domain/sink';
import { traceContextOf } from '../domain/trace-context';
import { resultOf } from './http-answer';
import { checkHttpOptions, urlFault, type HttpSinkOptions } from './http-options';
import { headerKey } from './object-name';
import { webhookHeaders } from './webhook-signature';
import { withinTime } from './within-time';

export type { HttpSinkOptions } from './http-options';
export type { HttpStatusMeaning } from './http-answer';

/** Of an answer's body so much is read and dropped, so that its connection can serve again. */
const MAX_ANSWER_BYTES = 65_536;
const MAX_ANSWER_MS = 1_000;

/**
 * Sends each record's own bytes in a request. Delivery is at least once, so the receiver has to tell a
 * repetition by the header `Idempotency-Key`, which is the same in every attempt. The status of the
 * answer decides; redirects are not followed. Throws a {@link UsageError} where options are wrong.
 */
export function httpSink<Message = unknown>(options: HttpSinkOptions<Message>): Sink<Message> {
  const { method, contentType, headers, keys, timeoutMs, statuses } = checkHttpOptions(options);
  const { url, idempotencyKey = ({ messageId }: SinkRecord<Message>) => messageId } = options;
  const fixed = typeof url === 'function' ? undefined : new URL(url);

  function headersOf(record: SinkRecord<Message>, context: WriteContext): Record<string, string> {
    const key = headerKey(idempotencyKey(record));
    if (key === '') throw new DeliveryError('Permanent', 'idempotencyKey() gives an empty key');
    return {
      'user-agent': 'cloudsync',
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
      // Paths and queries hold secrets at times.
      const what = `${method} to ${target.origin}`;
      const request = {
        ...{ method, headers: headersOf(record, context), body: record.value },
        redirect: 'manual' as const,
      };
      return withinTime(
        timeoutMs,
        context.signal,
        async (signal) => {
          const response = await answerTo(what, target, { ...request, signal });
          await drop(response);
          return resultOf(what, response, statuses);
        },
        `${what} was not answered within ${timeoutMs} ms`,
      );
    },
  };
}

async function answerTo(what: string, target: URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(target, request);
  } catch (error) {
    throw new DeliveryError('Transient', `${what} failed: ${reason(error)}`, { cause: error });
  }
}

/** What a function made of a record, by the rules for a URL that is given as such. */
function checkedUrl(url: string | URL): URL {
  const fault = urlFault(url);
  if (fault) throw new DeliveryError('Permanent', `what url() gives for the record ${fault}`);
  return new URL(url);
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** `fetch` fails with one message for all, and the reason in its cause. */
function reason(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const { code } = cause as { code?: unknown };
  const message = errorMessage(cause);
  return typeof code === 'string' && !message.includes(code) ? `${code}, ${message}` : message;
}

/**
 * Takes the answer's body off the connection. One that is long, slow or cut off costs the connection,
 * and nothing else: the status has been said.
 */
async function drop({ body }: Response): Promise<void> {
  if (!body) return;
  const reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const cancel = () => reader.cancel().catch(() => undefined);
  const timer = setTimeout(() => void cancel(), MAX_ANSWER_MS);
  try {
    for (let left = MAX_ANSWER_BYTES; left > 0;) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
    }
    await cancel();
  } catch {
    // Reset or aborted in the middle of the body.
    await cancel();
  } finally {
    clearTimeout(timer);
  }
}
