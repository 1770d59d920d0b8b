import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface FakeServer {
  port: number;
  close(): Promise<void>;
}

async function listening(server: Server): Promise<FakeServer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export async function fakeHttp(listener: RequestListener): Promise<FakeServer> {
  const server = createHttpServer((request, response) => {
    request.resume();
    listener(request, response);
  });
  server.keepAliveTimeout = 1;
  return listening(server);
}

/** A port on which nobody listens at the moment. */
export async function closedPort(): Promise<number> {
  const server = await listening(createServer());
  await server.close();
  return server.port;
}

const [API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE] = [18, 17, 36];
const short = (value: number) => Buffer.from([(value >> 8) & 255, value & 255]);
const int = (value: number) => Buffer.concat([short(value >> 16), short(value)]);
const text = (value: string) => Buffer.concat([short(value.length), Buffer.from(value)]);

/** A broker that refuses all logins. It supports only the requests of Kafka's protocol before a login. */
export async function brokerThatRefusesLogins(): Promise<FakeServer> {
  const answers: Record<number, Buffer> = {
    [API_VERSIONS]: Buffer.concat([
      short(0),
      int(3),
      ...[
        [API_VERSIONS, 0, 0],
        [SASL_HANDSHAKE, 0, 1],
        [SASL_AUTHENTICATE, 0, 0],
      ]
        .flat()
        .map(short),
    ]),
    [SASL_HANDSHAKE]: Buffer.concat([short(0), int(1), text('PLAIN')]),
    [SASL_AUTHENTICATE]: Buffer.concat([short(58), text('Authentication failed'), int(0)]),
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let received = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE()) {
        const request = received.subarray(4, 4 + received.readInt32BE());
        received = received.subarray(4 + request.length);
        const answer = answers[request.readInt16BE()] ?? Buffer.alloc(0);
        const correlationId = request.subarray(4, 8);
        socket.write(Buffer.concat([int(4 + answer.length), correlationId, answer]));
      }
    });
  });
  const fake = await listening(server);
  return {
    ...fake,
    close() {
      for (const socket of sockets) socket.destroy();
      return fake.close();
    },
  };
}
