import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Handles a request that a raw receiver has read. `early` handles one that is not read to its end. */
export type RawAnswer = (socket: Socket, request: string) => void;

/** A server on 127.0.0.1 that answers with given bytes, which a real HTTP server would not write. */
export class RawReceiver {
  /** Bodies of the requests, in the order of their ends. */
  readonly bodies: string[] = [];
  connections = 0;
  /** Called with the head of a request, before its body is read. Its answer ends the request. */
  early: RawAnswer | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(public answer: RawAnswer) {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(answer: RawAnswer): Promise<RawReceiver> {
    const receiver = new RawReceiver(answer);
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (part) => {
      text += part.toString('latin1');
      for (;;) {
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = text.slice(0, end);
        if (this.early) {
          socket.pause();
          return this.early(socket, head);
        }
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        const body = text.slice(end + 4, end + 4 + length);
        if (body.length < length) return;
        text = text.slice(end + 4 + length);
        this.bodies.push(body);
        this.answer(socket, head);
      }
    });
  }
}
