import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { NetworkMode } from './schedule';

/** A source is not read further while this many of its bytes wait. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** One direction of a connection: its data in order, and its end. */
class Direction {
  readonly #waiting: { data: Buffer | 'end'; due: number }[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  held = false;
  delayMs = 0;

  constructor(
    readonly from: Socket,
    readonly to: Socket,
  ) {
    from.on('data', (data) => this.#push(data));
    from.on('end', () => this.#push('end'));
    to.on('drain', () => this.pump());
  }

  #push(data: Buffer | 'end'): void {
    const before = this.#waiting.at(-1)?.due ?? 0;
    // Data never overtake earlier data that have a longer delay.
    this.#waiting.push({ data, due: Math.max(before, Date.now() + this.delayMs) });
    this.#bytes += data === 'end' ? 0 : data.length;
    if (this.#bytes > MAX_WAITING_BYTES) this.from.pause();
    this.pump();
  }

  pump(): void {
    clearTimeout(this.#timer);
    while (!this.held && this.#waiting.length > 0 && !this.to.writableNeedDrain) {
      const { data, due } = this.#waiting[0]!;
      const wait = due - Date.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), wait).unref();
        return;
      }
      this.#waiting.shift();
      if (data === 'end') this.to.end();
      else {
        this.#bytes -= data.length;
        this.to.write(data);
      }
    }
    if (this.#bytes <= MAX_WAITING_BYTES) this.from.resume();
  }
}

interface Link {
  client: Socket;
  server: Socket;
  up: Direction;
  down: Direction;
  /** One side was reset while the proxy passed nothing to the other side. */
  broken: boolean;
}

/** A proxy between a client and a server on 127.0.0.1 that injects faults into their connections. */
export class TcpProxy {
  #mode: NetworkMode | 'pass' = 'pass';
  #delayMs = 0;
  readonly #links = new Set<Link>();

  private constructor(
    readonly server: Server,
    readonly targetPort: number,
  ) {}

  static async start(targetPort: number): Promise<TcpProxy> {
    // The end of one side passes like data, and may be held like them.
    const server = createServer({ allowHalfOpen: true });
    const proxy = new TcpProxy(server, targetPort);
    server.on('connection', (client) => proxy.#accept(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Sets the fault of present and new connections. */
  set(mode: NetworkMode, delayMs = 0): void {
    this.#mode = mode;
    this.#delayMs = mode === 'delay' ? delayMs : 0;
    if (mode === 'cut') this.#cutAll();
    for (const link of this.#links) this.#apply(link);
  }

  /** Ends the fault. With `flush`, held data arrive now. With `cut`, held connections break. */
  heal(then: 'flush' | 'cut'): void {
    const held = this.#mode !== 'delay';
    this.#mode = 'pass';
    this.#delayMs = 0;
    if (held && then === 'cut') this.#cutAll();
    for (const link of this.#links) {
      this.#apply(link);
      if (link.broken) this.#cut(link);
    }
  }

  async close(): Promise<void> {
    this.#cutAll();
    this.server.close();
    await once(this.server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#mode === 'cut') return void client.resetAndDestroy();
    const server = connect({ port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true });
    client.setNoDelay();
    server.setNoDelay();
    const link: Link = {
      client,
      server,
      up: new Direction(client, server),
      down: new Direction(server, client),
      broken: false,
    };
    this.#links.add(link);
    this.#apply(link);
    for (const socket of [client, server]) {
      // The event `close` follows.
      socket.on('error', () => undefined);
      socket.on('close', (hadError) => this.#closed(link, hadError));
    }
  }

  #apply({ up, down }: Link): void {
    up.held = this.#mode === 'black-hole' || this.#mode === 'stall-up';
    down.held = this.#mode === 'black-hole' || this.#mode === 'stall-down';
    for (const direction of [up, down]) {
      direction.delayMs = this.#delayMs;
      direction.pump();
    }
  }

  #closed(link: Link, hadError: boolean): void {
    if (!this.#links.has(link)) return;
    if (link.client.destroyed && link.server.destroyed) this.#links.delete(link);
    // After an orderly end the other direction may still have data.
    else if (!hadError) return;
    // A network that passes nothing does not pass a reset either.
    else if (link.up.held || link.down.held) link.broken = true;
    else this.#cut(link);
  }

  #cutAll(): void {
    for (const link of this.#links) this.#cut(link);
  }

  #cut(link: Link): void {
    this.#links.delete(link);
    link.client.resetAndDestroy();
    link.server.resetAndDestroy();
  }
}
