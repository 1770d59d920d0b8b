import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { connectionAgents } from './http-connections';

/** How much of an answer's body is read and dropped, so that its connection can serve again. */
const MAX_ANSWER_BYTES = 65_536;
const MAX_ANSWER_MS = 1_000;

/** Node's own limit is 16 KiB. Cookies and policies of a gateway can be longer than that. */
const MAX_HEADER_BYTES = 65_536;

export interface HttpRequest {
  method: string;
  headers: OutgoingHttpHeaders;
  body: Buffer;
  signal: AbortSignal;
}

/** What the final answer says. Interim answers (1xx) are skipped, as RFC 9110, section 15.2, asks. */
export interface HttpAnswer {
  status: number;
  headers: IncomingMessage['headers'];
}

/**
 * Sends requests over connections that are kept for the next ones. It is built on `node:http`, because
 * Node's `fetch` fails at a `100 Continue` that it did not ask for.
 */
export function httpClient() {
  const agents = connectionAgents();

  return {
    /**
     * A receiver may close an idle connection while the next request is on its way there. That request is
     * sent once more, over a new connection. The receiver tells a repetition by its key.
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

/** The connection was kept from an earlier request, and ended before a byte of this one's answer. */
class ClosedWhileIdle extends Error {}

async function send(target: URL, request: HttpRequest, agent: http.Agent): Promise<HttpAnswer> {
  const { body, ...options } = request;
  const outgoing = (target.protocol === 'https:' ? https : http).request(target, {
    ...{ ...options, agent, maxHeaderSize: MAX_HEADER_BYTES },
    headers: { ...options.headers, 'content-length': body.length },
  });
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    // 101, to a request that asked for no other protocol.
    outgoing.once('upgrade', (switched) => {
      resolve(switched);
      outgoing.destroy();
    });
    // Stays on: an error after the answer costs the connection and nothing else.
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
 * Takes the answer's body off the connection. A body that is long, slow or cut off costs the connection
 * and nothing else, because the status has been said.
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
    // Reset or aborted in the middle of the body.
  } finally {
    clearTimeout(timer);
  }
}
