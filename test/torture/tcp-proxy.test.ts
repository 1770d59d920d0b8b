import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy';

let server: Server;
let proxy: TcpProxy;
let heard: string;
let sockets: Socket[];

beforeEach(async () => {
  heard = '';
  sockets = [];
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      heard += data.toString();
      socket.write(`echo ${data.toString()}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await TcpProxy.start((server.address() as AddressInfo).port);
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await proxy.close();
  server.close();
  await once(server, 'close');
});

async function client() {
  const socket = connect(proxy.port, '127.0.0.1');
  sockets.push(socket);
  const client = { socket, answers: '', closed: false };
  socket.on('data', (data) => (client.answers += data.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (client.closed = true));
  await once(socket, 'connect');
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Sends a round trip through the proxy. Everything that was written before has passed then. */
async function roundTrip(): Promise<void> {
  const fresh = await client();
  fresh.socket.write('probe');
  await until(() => fresh.answers === 'echo probe');
}

test('TcpProxy passes data both ways, and the end of a connection', async () => {
  const { socket, ...of } = await client();
  const answered = once(socket, 'data');
  socket.write('one');
  expect(String((await answered)[0])).toBe('echo one');
  expect(of.closed).toBe(false);
  const ended = once(sockets.at(-1)!, 'end');
  socket.end();
  await ended;
});

test('TcpProxy delays data and keeps their order', async () => {
  proxy.set('delay', 50);
  const one = await client();
  one.socket.write('a');
  one.socket.write('b');
  proxy.set('delay', 1);
  one.socket.write('c');
  await until(() => heard === 'abc');
});

test('TcpProxy cuts present and new connections', async () => {
  const one = await client();
  proxy.set('cut');
  await until(() => one.closed);
  const two = connect(proxy.port, '127.0.0.1');
  await expect(once(two, 'end')).rejects.toThrow('ECONNRESET');
  proxy.heal('flush');
  await roundTrip();
});

test.each([
  { mode: 'black-hole', heardBefore: '' },
  { mode: 'stall-up', heardBefore: '' },
  { mode: 'stall-down', heardBefore: 'one' },
] as const)('$mode holds data, and passes them on at its end', async ({ mode, heardBefore }) => {
  const one = await client();
  await roundTrip();
  heard = '';
  proxy.set(mode);
  one.socket.write('one');
  await until(() => heard === heardBefore);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([heard, one.answers]).toEqual([heardBefore, '']);
  proxy.heal('flush');
  await until(() => one.answers === 'echo one');
});

test('TcpProxy can cut held connections at the end', async () => {
  const one = await client();
  proxy.set('black-hole');
  one.socket.write('one');
  proxy.heal('cut');
  await until(() => one.closed);
  expect(heard).toBe('');
});

test('a reset passes a black hole only at its end', async () => {
  const one = await client();
  await roundTrip();
  proxy.set('black-hole');
  for (const socket of sockets.filter((s) => s.localPort === proxyTarget()))
    socket.resetAndDestroy();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(one.closed).toBe(false);
  proxy.heal('flush');
  await until(() => one.closed);
});

const proxyTarget = () => (server.address() as AddressInfo).port;
