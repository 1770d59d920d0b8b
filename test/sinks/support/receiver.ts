import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A real HTTP server on 127.0.0.1 that records its requests and gives the answers of the test. */
export class Receiver {
  readonly requests: Received[] = [];
  readonly sockets = new Set<Socket>();
  answer: Answer = (response) => response.writeHead(204).end();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.sockets.add(request.socket);
      buffer(request).then(
        (body) => {
          const { method, url, headers } = request;
          this.requests.push({ method: method!, path: url!, headers, body });
          this.answer(response, request);
        },
        () => response.destroy(),
      );
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
