import type { DeliveryFailure, DeliveryFailureType } from '../../domain/errors';
import { retryAfterMs } from '../retry-after';

/** What an error of a cloud's client library says. */
export interface Answer {
  /** HTTP status; absent where no answer came. */
  status?: number | undefined;
  /** The service's own code; without an answer, that of the system or the library. */
  code?: string | undefined;
  message: string;
  /** Value of the `Retry-After` header. */
  retryAfter?: string | null | undefined;
  requestId?: string | undefined;
}

export interface Rule {
  type: DeliveryFailureType;
  /** For people: how to mend it. */
  mend?: string;
}

export const TRANSIENT: Rule = { type: 'Transient' };
export const THROTTLED: Rule = { type: 'Throttled' };
export const PERMANENT: Rule = { type: 'Permanent' };

/**
 * What hits every record alike and is no record's fault. Transient, as a dead letter would only mean
 * more work: records wait in their workflows until somebody mends it.
 */
export const configuration = (mend: string): Rule => ({ type: 'Transient', mend });

export interface ErrorTable {
  /** By code; what is not here goes by its status. */
  codes: Record<string, Rule>;
  /** 401, 403 and 404 without a code of the table. */
  denied: Rule;
}

/** The class of an answer: by its code, then by its status. */
export function classifyAnswer(answer: Answer, table: ErrorTable): DeliveryFailure {
  const wait = retryAfterMs(answer.retryAfter);
  const { type, mend } = ruleOf(answer, table, wait !== undefined);
  const retryable = type === 'Transient' || type === 'Throttled';
  return {
    type,
    message: [describe(answer), mend].filter(Boolean).join('; '),
    ...(retryable && wait !== undefined && { retryAfterMs: wait }),
  };
}

function ruleOf({ status, code }: Answer, table: ErrorTable, saysWhen: boolean): Rule {
  if (code !== undefined && Object.hasOwn(table.codes, code)) return table.codes[code]!;
  if (status === undefined || status === 408 || status === 425) return TRANSIENT;
  if (status === 429) return THROTTLED;
  if (status === 503 && saysWhen) return THROTTLED;
  if (status >= 500) return TRANSIENT;
  if (status < 400) return configuration('the endpoint or the region is not the right one');
  if (status <= 405 && status !== 400) return table.denied;
  if (status === 407) return configuration('a proxy on the way asks for a login');
  // A record at fault is told by a code. Without one this may be a proxy, a wrong port, or an answer to
  // HEAD, which has no body: that of S3 to a login that has expired is a bare 400.
  if (code === undefined && status !== 413)
    return configuration('the answer has no code of the store');
  return PERMANENT;
}

const MAX_MESSAGE = 300;

/** `403 AccessDenied: Access Denied (request ABC)`. A page of HTML says nothing. */
function describe({ status, code, message, requestId }: Answer): string {
  const head = [status, code].filter((part) => part !== undefined).join(' ');
  const [line = ''] = message.trimStart().split('\n');
  const text = line.startsWith('<') || line === code ? '' : line.trim().slice(0, MAX_MESSAGE);
  const request = requestId === undefined ? '' : ` (request ${requestId})`;
  return `${[head, text].filter(Boolean).join(': ')}${request}`;
}
