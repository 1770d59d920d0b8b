import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import '../../../src/clients/kafkajs-patches/first-fetches';
import { until } from '../../bridge/support/fakes';

/** kafkajs's connections to one broker: number 1 is made by the first fetch. */
interface Pool {
  getConnection(index: number): Promise<unknown>;
  destroy(): Promise<void>;
}
const ConnectionPool = jest.requireActual<new (options: object) => Pool>(
  'kafkajs/src/network/connectionPool',
);

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
  const logger = { namespace: () => logger, debug: () => undefined, error: () => undefined };
  const { port } = server.address() as AddressInfo;
  pool = new ConnectionPool({
    ...{ host: '127.0.0.1', port, clientId: 'test', connectionTimeout: 10_000, logger },
    socketFactory: ({ onConnect }: { onConnect: () => void }) =>
      connect(port, '127.0.0.1', onConnect),
  });
});
afterEach(async () => {
  await pool.destroy();
  for (const socket of open) socket.destroy();
  server.close();
});

test('requests that come while a connection is being made share it, and its end closes it', async () => {
  await Promise.all([pool.getConnection(1), pool.getConnection(1), pool.getConnection(1)]);
  await pool.getConnection(1);
  await until('accepted', () => accepted > 0);
  await pool.destroy();
  await until('all closed', () => open.size === 0);
  expect(accepted).toBe(1);
});

test('after an attempt that failed the next request makes a new connection', async () => {
  server.close();
  const both = await Promise.allSettled([pool.getConnection(1), pool.getConnection(1)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const { port } = pool as unknown as { port: number };
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  await pool.getConnection(1);
  await until('accepted', () => accepted === 1);
});

test('a connection that was closed is made anew', async () => {
  await pool.getConnection(1);
  await pool.destroy();
  await pool.getConnection(1);
  await until('accepted again', () => accepted === 2);
});
