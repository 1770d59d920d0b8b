import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An answer in place of the server's. With `after`, the request takes effect first. */
export interface FaultyAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
  after?: boolean;
}

/** A fault of a request. With `-after` in its name, the request takes effect at the server first. */
export type Fault =
  | 'hang'
  | 'hang-after'
  | 'reset'
  | 'reset-after'
  | FaultyAnswer
  /** Runs the function, then lets the request pass. */
  | { first: () => Promise<void> };

/** A proxy between a client and an HTTP server that injects faults into planned requests. */
export class FaultProxy {
  /** The methods of all requests, in order. */
  readonly seen: string[] = [];
  /** Whether the requests by which a sink tests a store are listed, and get faults like the others. */
  spoilsTrials = false;
  readonly #planned: { method: string; fault: Fault }[] = [];
  #standing: Fault | undefined;
  /** The last request for each path. The next request waits for it. */
  readonly #turns = new Map<string, Promise<unknown>>();

  private constructor(
    readonly target: string,
    readonly server: ReturnType<typeof createServer>,
  ) {}

  static async start(target: string): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new FaultProxy(target, server);
    server.on('request', (incoming, response) => {
      proxy.#handle(incoming, response).catch((error: unknown) => response.destroy(error as Error));
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Plans a fault for the next request of this method that has no planned fault yet. */
  next(fault: Fault, method = 'PUT'): void {
    this.#planned.push({ method, fault });
  }

  /** Injects this fault into every request without a planned fault, until the next call. */
  every(fault: Fault | undefined): void {
    this.#standing = fault;
  }

  /** The number of planned faults that no request has had yet. */
  get unmet(): number {
    return this.#planned.length;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await collect(incoming);
    const fault = this.#faultOf(incoming);
    if (fault === 'hang') return;
    if (fault === 'reset') return void incoming.socket.resetAndDestroy();
    if (isAnswer(fault) && !fault.after) return answer(response, fault);
    if (typeof fault === 'object' && 'first' in fault) await fault.first();
    const { status, headers, content } = await this.#inTurn(incoming.url!, () =>
      this.#forward(incoming, body),
    );
    if (fault === 'hang-after') return;
    if (fault === 'reset-after') return void incoming.socket.resetAndDestroy();
    if (isAnswer(fault)) return answer(response, fault);
    response.writeHead(status, headers);
    response.end(content);
  }

  #faultOf({ method = '', url = '' }: IncomingMessage): Fault | undefined {
    if (url.includes('.cloudsync-probe') && !this.spoilsTrials) return undefined;
    this.seen.push(method);
    const index = this.#planned.findIndex((plan) => plan.method === method);
    return index < 0 ? this.#standing : this.#planned.splice(index, 1)[0]!.fault;
  }

  /**
   * Passes one request for a path at a time. The clouds decide conditional writes atomically. versitygw 1.7.0 checks
   * for the object and then writes, so that two writers at once can both be the first.
   */
  #inTurn<T>(path: string, run: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(path) ?? Promise.resolve()).then(run, run);
    this.#turns.set(path, turn);
    return turn;
  }

  #forward(incoming: IncomingMessage, body: Buffer) {
    const { method, url, rawHeaders } = incoming;
    return new Promise<{ status: number; headers: string[]; content: Buffer }>(
      (resolve, reject) => {
        const outgoing = request(this.target, { method, path: url }, (reply) => {
          collect(reply).then(
            (content) => resolve({ status: reply.statusCode!, headers: reply.rawHeaders, content }),
            reject,
          );
        });
        // The headers are unchanged, because the client has signed them.
        for (let i = 0; i < rawHeaders.length; i += 2) {
          outgoing.setHeader(rawHeaders[i]!, rawHeaders[i + 1]!);
        }
        outgoing.on('error', reject);
        outgoing.end(body);
      },
    );
  }
}

function isAnswer(fault: Fault | undefined): fault is FaultyAnswer {
  return typeof fault === 'object' && 'status' in fault;
}

function answer(response: ServerResponse, { status, headers = {}, body = '' }: FaultyAnswer): void {
  response.writeHead(status, headers);
  response.end(body);
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
