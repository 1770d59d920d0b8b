import { once } from 'node:events';
import { createServer } from 'node:net';
import { choosePort, freePort, isFree } from '../../../src/dev-servers/common/ports';

test('a taken port is reported and replaced, and a free port is kept', async () => {
  const taken = await freePort();
  const server = createServer().listen(taken, '127.0.0.1');
  await once(server, 'listening');
  const messages: string[] = [];
  const progress = (message: string) => messages.push(message);
  try {
    expect(await isFree(taken)).toBe(false);
    const chosen = await choosePort(taken, 'Kafka', progress);
    expect(await isFree(chosen)).toBe(true);
    expect(messages).toEqual([`port ${taken} is taken by something else: Kafka gets ${chosen}`]);
    expect(await choosePort(chosen, 'Kafka', progress)).toBe(chosen);
    expect(messages).toHaveLength(1);
  } finally {
    server.close();
  }
});

test('no port is returned twice, though no server listens on it yet', async () => {
  // Of 2,000 ports chosen at random among 20,000, some 95 would be chosen twice.
  const ports = await Promise.all(Array.from({ length: 2000 }, () => freePort()));
  expect(new Set(ports).size).toBe(2000);
});
