import { createServer } from 'node:net';
import { LocalServerError } from './errors';
import type { Progress } from './progress';

const LOWEST = 10_000;
const PORTS = 20_000;

/** Whether a server could listen on this port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The ports that {@link freePort} has returned. */
const returned = new Set<number>();

/**
 * Finds a free port below the range from which systems choose ports for outgoing connections. In that range a
 * client that retries against a stopped server can connect to itself, and hold the port for good. Each call in
 * this process returns another port, because a caller may choose several ports before its servers listen.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * PORTS);
    if (returned.has(port)) continue;
    // Added before the check, because another call may choose this port during the check.
    returned.add(port);
    if (await isFree(port)) return port;
  }
  throw new LocalServerError(`found no free port between ${LOWEST} and ${LOWEST + PORTS}`);
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
