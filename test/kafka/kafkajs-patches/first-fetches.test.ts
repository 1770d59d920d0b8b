import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import pino from 'pino';
import { createKafka } from '../../../src/kafka/kafka';
import { createCluster } from '../../../src/kafka/kafkajs-patches/our-clusters';
import { until } from '../../bridge/support/fakes';

/** kafkajs's connections to one broker. The first fetch makes connection number 1. */
interface Pool {
  getConnection(index: number): Promise<unknown>;
  destroy(): Promise<void>;
}
let server: Server;
const open = new Set<Socket>();
let accepted: number;
let pool: Pool;

beforeEach(async () => {
  accepted = 0;
  server = createServer((socket) => {
    accepted++;
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const settings = { brokers: [`127.0.0.1:${port}`], clientId: 'test', ssl: false };
  const kafka = createKafka(settings, pino({ level: 'silent' }));
  const cluster = createCluster<{ connectionPoolBuilder: { build(): Promise<Pool> } }>(kafka, {});
  pool = await cluster.connectionPoolBuilder.build();
});
afterEach(async () => {
  await pool.destroy();
  for (const socket of open) socket.destroy();
  server.close();
});

test('requests that come while a connection is being made share it, and destroying the pool closes it', async () => {
  await Promise.all([pool.getConnection(1), pool.getConnection(1), pool.getConnection(1)]);
  await pool.getConnection(1);
  await until('accepted', () => accepted > 0);
  await pool.destroy();
  await until('all closed', () => open.size === 0);
  expect(accepted).toBe(1);
});

test('the next request after a failed attempt makes a new connection', async () => {
  server.close();
  const both = await Promise.allSettled([pool.getConnection(1), pool.getConnection(1)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const { port } = pool as unknown as { port: number };
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  await pool.getConnection(1);
  await until('accepted', () => accepted === 1);
});

test('a request makes a new connection after the last one was closed', async () => {
  await pool.getConnection(1);
  await pool.destroy();
  await pool.getConnection(1);
  await until('accepted again', () => accepted === 2);
});
