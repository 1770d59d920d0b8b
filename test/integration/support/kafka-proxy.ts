import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { KafkaSettings } from '../../../src/kafka/kafka';

/** Kafka's numbers of the requests that tests hold. */
export const ApiKey = {
  fetch: 1,
  offsetCommit: 8,
  joinGroup: 11,
  heartbeat: 12,
  syncGroup: 14,
} as const;

interface Held {
  broker: Socket;
  frame: Buffer;
}

/** A proxy between one client and its broker. It can hold requests of a kind, and make connections dead. */
export class KafkaProxy {
  readonly #held: Held[] = [];
  #holding: number | undefined;
  #cutting: number | undefined;
  #cuts = 0;
  #dead = new Set<Socket>();
  readonly #clients = new Set<Socket>();

  private constructor(
    readonly server: Server,
    readonly target: { host: string; port: number },
  ) {}

  static async start(broker: string): Promise<KafkaProxy> {
    const [host, port] = broker.split(':');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new KafkaProxy(server, { host: host!, port: Number(port) });
    server.on('connection', (client) => proxy.#connect(client));
    return proxy;
  }

  /** Settings that lead every connection through the proxy, whatever address the broker advertises. */
  through(settings: KafkaSettings): KafkaSettings {
    const { port } = this.server.address() as AddressInfo;
    const socketFactory = ({ onConnect }: { onConnect: () => void }) =>
      connect({ host: '127.0.0.1', port, noDelay: true }, onConnect);
    return Object.assign({ ...settings }, { socketFactory });
  }

  /** Holds requests of this kind from now on. Other requests on the same connection pass. */
  hold(apiKey: number): void {
    this.#holding = apiKey;
  }

  /** Breaks the connection at the next request of this kind, once. */
  cutNext(apiKey: number): void {
    this.#cutting = apiKey;
  }

  get cuts(): number {
    return this.#cuts;
  }

  get held(): number {
    return this.#held.length;
  }

  /** Forwards the held requests, and holds no more requests. */
  release(): void {
    this.#holding = undefined;
    for (const { broker, frame } of this.#held.splice(0)) broker.write(frame);
  }

  /** Makes the present connections dead: they stay open and pass nothing. New connections work. */
  die(): void {
    this.#dead = new Set(this.#clients);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #connect(client: Socket): void {
    const broker = connect({ ...this.target, noDelay: true });
    this.#clients.add(client);
    const end = () => {
      this.#clients.delete(client);
      client.destroy();
      broker.destroy();
    };
    let rest = Buffer.alloc(0);
    client.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const frame = rest.subarray(0, 4 + rest.readInt32BE(0));
        rest = rest.subarray(frame.length);
        if (this.#dead.has(client)) continue;
        const apiKey = frame.readInt16BE(4);
        if (apiKey === this.#cutting) {
          this.#cutting = undefined;
          this.#cuts++;
          return end();
        }
        if (apiKey === this.#holding) this.#held.push({ broker, frame });
        else broker.write(frame);
      }
    });
    broker.on('data', (data) => {
      if (!this.#dead.has(client)) client.write(data);
    });
    for (const socket of [client, broker]) socket.on('close', end).on('error', end);
  }
}
