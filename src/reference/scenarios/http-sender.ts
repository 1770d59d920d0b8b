import { setTimeout as sleep } from 'node:timers/promises';
import { errorWithCause, UsageError } from '../../domain/errors';
import { retryAfterMs } from '../../sinks/retry-after';
import type { SendMessage } from './send';

const ATTEMPTS = 10;
const PAUSE_MS = 500;
const TIMEOUT_MS = 60_000;

/**
 * Sends through the HTTP producer at `url`, with a bearer token if one is given. If the producer is full or away,
 * it is tried again, up to 10 times; the message id makes that safe. Throws a {@link UsageError} if the producer
 * refuses a message, or if the last attempt fails.
 */
export function httpSender(url: string, token?: string): SendMessage {
  const target = new URL('/v1/messages', url);
  const headers = {
    'content-type': 'application/json',
    ...(token && { authorization: `Bearer ${token}` }),
  };
  return async (_id, body) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await post(target, headers, body);
      if (answer.accepted) return;
      if (!answer.again || attempt === ATTEMPTS) {
        throw new UsageError(`${target.href} does not take messages: ${answer.reason}`);
      }
      await sleep(answer.waitMs ?? PAUSE_MS);
    }
  };
}

interface Answer {
  accepted: boolean;
  /** Whether another attempt may help. */
  again: boolean;
  waitMs?: number | undefined;
  reason?: string;
}

async function post(target: URL, headers: Record<string, string>, body: string): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(target, { method: 'POST', headers, body, signal });
    const text = await response.text();
    return {
      accepted: response.status === 202,
      again: response.status === 429 || response.status >= 500,
      waitMs: retryAfterMs(response.headers.get('retry-after')),
      reason: `${response.status} ${text}`,
    };
  } catch (error) {
    return { accepted: false, again: true, reason: errorWithCause(error) };
  }
}
