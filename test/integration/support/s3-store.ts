import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** The status of each error code of S3. */
const STATUS = { InvalidAccessKeyId: 403, NoSuchBucket: 404, NotImplemented: 501 };

/**
 * The part of S3's protocol that the sink uses, over HTTP. Tests use it for faults that the other servers can't be
 * configured to have.
 */
export class S3Store {
  answers: keyof typeof STATUS | 'ignores the condition' | 'as it must' = 'ignores the condition';
  /** The contents by key. */
  readonly objects = new Map<string, Buffer>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<S3Store> {
    const store = new S3Store();
    await new Promise<void>((resolve) => store.#server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const content = await buffer(request);
    const key = new URL(request.url!, this.url).pathname.slice('/b/'.length);
    if (this.answers in STATUS) {
      const code = this.answers as keyof typeof STATUS;
      return fail(response, STATUS[code], code);
    }
    if (request.method === 'DELETE') {
      this.objects.delete(key);
      response.writeHead(204).end();
      return;
    }
    const conditional = this.answers === 'as it must' && request.headers['if-none-match'] === '*';
    if (conditional && this.objects.has(key)) return fail(response, 412, 'PreconditionFailed');
    this.objects.set(key, content);
    response.writeHead(200, { etag: '"e"' }).end();
  }
}

function fail(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
}
