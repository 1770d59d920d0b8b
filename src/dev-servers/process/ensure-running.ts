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
  /** What the state says of it. */
  last: StartedServer | undefined;
  /** The port to look at. */
  wanted: number;
  answers: (port: number) => Promise<boolean>;
  launch: () => Promise<{ starting: StartingServer; ports: Ports }>;
}

export interface Ports {
  port: number;
  uiPort?: number | undefined;
}

/** What this directory started, else what answers on the wanted port, else a server started now. */
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
    // A process just killed may be seen alive for a moment: then it is started again.
    if (await waitForAnswer(running, progress)) return { ...last, startedByUs: true };
  }
  if (await answers(wanted)) {
    progress(`using the ${title} that runs on ${localAddress(wanted)}`);
    return { port: wanted, startedByUs: false };
  }
  const { starting, ports } = await server.launch();
  // Before it answers, so that after an interrupted start `down` knows it.
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
