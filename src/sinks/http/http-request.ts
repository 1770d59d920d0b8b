import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { connectionAgents } from './http-connections';

/**
 * Limits for reading and dropping an answer's body. If the body ends within them, its connection can serve again.
 */
const MAX_ANSWER_BYTES = 65_536;
const MAX_ANSWER_MS = 1_000;

/** Limit for an answer's headers. Node's own limit is 16 KiB; cookies and policies of a gateway can be longer. */
const MAX_HEADER_BYTES = 65_536;

export interface HttpRequest {
  method: string;
  headers: OutgoingHttpHeaders;
  body: Buffer;
  signal: AbortSignal;
}

/** The final answer. Interim answers (1xx) are skipped, as RFC 9110, section 15.2, asks. */
export interface HttpAnswer {
  status: number;
  headers: IncomingMessage['headers'];
}

/**
 * Sends requests over connections that are kept for the next requests. It is built on `node:http`, because Node's
 * `fetch` fails at a `100 Continue` that it did not ask for.
 */
export function httpClient() {
  const agents = connectionAgents();

  return {
    /**
     * Sends a request. A receiver may close an idle connection while the next request is on its way. That request
     * is sent once more, over a new connection. The receiver recognizes the repetition by its key.
     */
    async send(target: URL, request: HttpRequest): Promise<HttpAnswer> {
      try {
        return await send(target, request, agents.kept(target));
      } catch (error) {
        if (!(error instanceof ClosedWhileIdle) || request.signal.aborted) throw error;
        return send(target, request, agents.fresh(target));
      }
    },

    close: () => agents.destroy(),
  };
}

/** A connection that was kept from an earlier request ended before a byte of this request's answer. */
class ClosedWhileIdle extends Error {}

async function send(target: URL, request: HttpRequest, agent: http.Agent): Promise<HttpAnswer> {
  const { body, ...options } = request;
  const outgoing = (target.protocol === 'https:' ? https : http).request(target, {
    ...{ ...options, agent, maxHeaderSize: MAX_HEADER_BYTES },
    headers: { ...options.headers, 'content-length': body.length },
  });
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    // Status 101, in answer to a request that asked for no other protocol.
    outgoing.once('upgrade', (switched) => {
      resolve(switched);
      outgoing.destroy();
    });
    // The listener stays on: an error after the answer costs the connection and nothing else.
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const ended = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      const idle = ended && outgoing.reusedSocket && !request.signal.aborted;
      reject(idle ? new ClosedWhileIdle(error.message, { cause: error }) : error);
    });
    outgoing.end(body);
  });
  await drop(answer);
  // The receiver answered without reading all of the request.
  if (!outgoing.writableFinished) outgoing.destroy();
  return { status: answer.statusCode!, headers: answer.headers };
}

/**
 * Reads the answer's body off the connection. A body that is long, slow or cut off costs the connection and
 * nothing else, because the status is already known.
 */
async function drop(answer: IncomingMessage): Promise<void> {
  const timer = setTimeout(() => answer.destroy(), MAX_ANSWER_MS);
  let left = MAX_ANSWER_BYTES;
  try {
    for await (const part of answer) {
      left -= (part as Buffer).length;
      if (left <= 0) break;
    }
  } catch {
    // The connection was reset, or the request aborted, in the middle of the body.
  } finally {
    clearTimeout(timer);
  }
}
