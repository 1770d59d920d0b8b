import { createServer } from 'node:net';
import { LocalServerError } from './errors';
import type { Progress } from './progress';

/** Whether a server could listen on this port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/**
 * Finds a free port below the range from which systems choose ports for outgoing connections. In that range a
 * client that retries against a stopped server can connect to itself, and hold the port for good.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) return port;
  }
  throw new LocalServerError('found no free port between 10000 and 30000');
}

/** The preferred port, or another port if something else holds it. */
export async function choosePort(
  preferred: number,
  purpose: string,
  progress: Progress,
): Promise<number> {
  if (await isFree(preferred)) return preferred;
  const port = await freePort();
  progress(`port ${preferred} is taken by something else: ${purpose} gets ${port}`);
  return port;
}
