import type { DeliveryFailure, DeliveryFailureType } from '../../domain/errors';
import { retryAfterMs } from '../retry-after';

/** The answer of a cloud service, as an error of its client library reports it. */
export interface Answer {
  /** HTTP status; absent if no answer came. */
  status?: number | undefined;
  /** The service's own code. Without an answer: the code of the system or of the library. */
  code?: string | undefined;
  message: string;
  /** Value of the `Retry-After` header. */
  retryAfter?: string | null | undefined;
  requestId?: string | undefined;
}

export interface Rule {
  type: DeliveryFailureType;
  /** For people: how to mend the fault. */
  mend?: string;
}

export const TRANSIENT: Rule = { type: 'Transient' };
export const THROTTLED: Rule = { type: 'Throttled' };
export const PERMANENT: Rule = { type: 'Permanent' };

/**
 * Rule for a fault that hits every record alike and is no record's fault. It is Transient, because a dead letter
 * would only mean more work. Records wait in their workflows until somebody mends the fault.
 */
export const configuration = (mend: string): Rule => ({ type: 'Transient', mend });

export interface ErrorTable {
  /** Rules by code. A code that is not here is judged by its status. */
  codes: Record<string, Rule>;
  /** Rule for the statuses 401 to 405 without a code of the table. */
  denied: Rule;
}

/** Classifies an answer by its code, then by its status. */
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
  // A store reports a faulty record by a code. An answer without a code may come from a proxy or a wrong port. It
  // may also be an answer to HEAD, which has no body: S3 answers an expired login with a bare 400.
  if (code === undefined && status !== 413)
    return configuration('the answer has no code of the store');
  return PERMANENT;
}

const MAX_MESSAGE = 300;

/** Describes an answer as `403 AccessDenied: Access Denied (request ABC)`. A page of HTML is omitted. */
function describe({ status, code, message, requestId }: Answer): string {
  const head = [status, code].filter((part) => part !== undefined).join(' ');
  const [line = ''] = message.trimStart().split('\n');
  const text = line.startsWith('<') || line === code ? '' : line.trim().slice(0, MAX_MESSAGE);
  const request = requestId === undefined ? '' : ` (request ${requestId})`;
  return `${[head, text].filter(Boolean).join(': ')}${request}`;
}
