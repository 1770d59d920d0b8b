import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { kafkaAnswers } from '../../../src/dev-servers/kafka/kafka-probe';
import { freePort } from '../../../src/dev-servers/common/ports';

/** Probes a server that handles each connection with `onConnection`. */
async function ask(onConnection: (socket: Socket) => void): Promise<boolean> {
  const port = await freePort();
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    onConnection(socket);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await kafkaAnswers(port, 200);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** The beginning of a Metadata response. The probe does not read further. */
function metadata(brokers: number): Buffer {
  const response = Buffer.alloc(24);
  response.writeInt32BE(20, 0);
  response.writeInt32BE(7, 4);
  response.writeInt32BE(brokers, 8);
  return response;
}

test('the probe recognizes a broker whose answer comes in pieces', async () => {
  const answered = await ask((socket) => {
    socket.once('data', () => {
      socket.write(metadata(1).subarray(0, 3));
      setTimeout(() => socket.write(metadata(1).subarray(3)), 20);
    });
  });
  expect(answered).toBe(true);
});

test('the probe does not accept a fenced broker', async () => {
  expect(await ask((socket) => socket.write(metadata(0)))).toBe(false);
});

test('the probe does not accept other servers', async () => {
  expect(await ask((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))).toBe(false);
  expect(await ask((socket) => socket.end())).toBe(false);
  expect(await ask(() => undefined)).toBe(false);
  expect(await kafkaAnswers(await freePort())).toBe(false);
});
