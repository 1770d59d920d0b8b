import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { errorMessage } from '../domain/errors';
import type { Logger } from '../telemetry/logger';
import { installTemporalRuntime } from './runtime';

const TRIES = 5;
const READ_DEADLINE_MS = 5_000;

/**
 * Installs Temporal's runtime with its own metrics (`temporal_*`, of worker and client). Returns a function that
 * reads them in Prometheus's text format. The runtime serves them at a port of its own and does not say at which,
 * so a free port of 127.0.0.1 is chosen here. Must be called before the first connection. Throws after five
 * failed tries.
 */
export async function installTemporalMetrics(logger: Logger): Promise<() => Promise<string>> {
  for (let tried = 1; ; tried++) {
    const address = `127.0.0.1:${await freePort()}`;
    try {
      installTemporalRuntime(logger, { metricsAddress: address });
      return () => read(`http://${address}/metrics`);
    } catch (error) {
      // Another process may have taken the port in the meantime. The error has no code that says so, so each error
      // is followed by a try with another port.
      if (tried === TRIES) throw error;
      const fields = { address, error: errorMessage(error) };
      logger.debug(fields, "Temporal's runtime could not be installed; another port is tried");
    }
  }
}

async function read(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(READ_DEADLINE_MS) });
  return response.text();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
