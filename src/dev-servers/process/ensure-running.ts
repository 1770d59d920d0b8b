import { localAddress } from '../common/local-ports';
import { serverPaths, type ServerName } from '../common/paths';
import { isAlive } from './process-identity';
import type { Progress } from '../common/progress';
import { stopProcess, untilReady, waitForAnswer, type StartingServer } from './server-process';
import { recordServer, type StartedServer } from '../common/state';

export interface ManagedServer {
  name: ServerName;
  title: string;
  directory: string;
  /** The server's entry in the state. */
  last: StartedServer | undefined;
  /** The port at which a running server is looked for. */
  wanted: number;
  answers: (port: number) => Promise<boolean>;
  launch: () => Promise<{ starting: StartingServer; ports: Ports }>;
}

export interface Ports {
  port: number;
  uiPort?: number | undefined;
}

/** Provides the server that this directory started, else one that answers on the wanted port, else a new one. */
export async function ensureRunning(
  server: ManagedServer,
  progress: Progress,
): Promise<Ports & { startedByUs: boolean }> {
  const { name, title, directory, last, wanted, answers } = server;
  if (last !== undefined && isAlive(last)) {
    const { port } = last;
    const { log } = serverPaths(directory, name);
    const address = localAddress(port);
    const running = { title, address, identity: last, log, answers: () => answers(port) };
    // A process that was just killed may look alive for a moment. Then the server is started again.
    if (await waitForAnswer(running, progress)) return { ...last, startedByUs: true };
  }
  if (await answers(wanted)) {
    progress(`using the ${title} that runs on ${localAddress(wanted)}`);
    return { port: wanted, startedByUs: false };
  }
  const { starting, ports } = await server.launch();
  // Recorded before the server answers, so that `down` knows it after an interrupted start.
  recordServer(directory, name, { ...starting.identity, ...ports });
  try {
    await untilReady(starting, progress);
  } catch (error) {
    await stopProcess(starting.identity);
    recordServer(directory, name, undefined);
    throw error;
  }
  return { ...ports, startedByUs: true };
}
