import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type Connection from 'kafkajs/src/network/connection';
import Encoder from 'kafkajs/src/protocol/encoder';
import pino from 'pino';
import { createKafka, type Kafka } from '../../../src/kafka/kafka';
import {
  createCluster,
  type PatchedCluster,
} from '../../../src/kafka/kafkajs-patches/our-clusters';

const { Kafka: PublishedKafka } = jest.requireActual<{
  Kafka: new (settings: object) => Kafka;
}>('kafkajs');

let server: Server;
let connection: Connection;
afterEach(async () => {
  await connection.disconnect();
  server.close();
});

/** A client with a short time limit: a client of CloudSync, or one of the program around it. */
function client(port: number, whose: 'ours' | 'foreign'): Kafka {
  const common = { brokers: [`127.0.0.1:${port}`], clientId: 'test', requestTimeout: 200 };
  if (whose === 'foreign') return new PublishedKafka({ ...common, logLevel: 0 });
  return createKafka({ ...common, ssl: false }, pino({ level: 'silent' }));
}

/** A connection to a broker that calls `answer` for each request on its nth connection. */
async function broker(
  answer: (socket: Socket, correlationId: number, nth: number) => void,
  whose: 'ours' | 'foreign' = 'ours',
) {
  let nth = 0;
  server = createServer((socket) => {
    const mine = nth++;
    socket.on('error', () => undefined);
    socket.on('data', (request) => answer(socket, request.readInt32BE(8), mine));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cluster = createCluster<PatchedCluster>(client(port, whose), {});
  [connection] = (await cluster.connectionPoolBuilder.build()).pool as [Connection];
  return connection;
}

/** An answer of a broker: its size, the number of the request, and a text. */
function frame(correlationId: number, text: string): Buffer {
  const size = Buffer.alloc(8);
  size.writeInt32BE(4 + text.length, 0);
  size.writeInt32BE(correlationId, 4);
  return Buffer.concat([size, Buffer.from(text)]);
}

const ask = {
  request: {
    ...{ apiKey: 3, apiVersion: 0, apiName: 'Metadata' },
    encode: () => Promise.resolve(new Encoder()),
  },
  response: {
    decode: (payload: Buffer) => Promise.resolve({ text: payload.toString() }),
    parse: ({ text }: { text: string }) => Promise.resolve(text),
  },
};

test('a connection that breaks in the middle of an answer leaves no bytes for the next connection', async () => {
  let first: Socket | undefined;
  const client = await broker((socket, id, nth) => {
    const answer = frame(id, `answer ${nth}`);
    socket.write(nth > 0 ? answer : answer.subarray(0, 10));
    if (nth === 0) first = socket;
  });
  await client.connect();
  const asked = expect(client.send(ask)).rejects.toThrow('ECONNRESET');
  await once(client.socket!, 'data');
  first!.resetAndDestroy();
  await asked;
  await client.connect();
  expect(await client.send(ask)).toBe('answer 1');
});

test('a connection on which a request has timed out is not used again', async () => {
  const client = await broker((socket, id, nth) => {
    if (nth > 0) socket.write(frame(id, `answer ${nth}`));
  });
  await client.connect();
  await expect(client.send(ask)).rejects.toThrow(/timed out/);
  await client.connect();
  expect(await client.send(ask)).toBe('answer 1');
});

test('all requests on a connection end with the time-out, and a late answer is given to no other request', async () => {
  const late: (() => void)[] = [];
  const client = await broker((socket, id, nth) => {
    if (nth === 0) late.push(() => void socket.write(frame(id, 'late')));
    else {
      late.forEach((answer) => answer());
      socket.write(frame(id, `answer ${nth}`));
    }
  });
  await client.connect();
  const results = await Promise.allSettled([client.send(ask), client.send(ask)]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await client.connect();
  expect(await client.send(ask)).toBe('answer 1');
});

test('a connection of a foreign client stays in use after a time-out, as in kafkajs', async () => {
  const client = await broker(
    (socket, id, nth) => void (nth > 0 && socket.write(frame(id, 'answer'))),
    'foreign',
  );
  await client.connect();
  await expect(client.send(ask)).rejects.toThrow(/timed out/);
  expect(client.isConnected()).toBe(true);
});
