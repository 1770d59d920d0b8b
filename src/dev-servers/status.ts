import { blobAnswers } from './clouds/blob-server';
import { kafkaAnswers } from './kafka/kafka-probe';
import { DEFAULT_PORTS, localAddress, localUrl, type LocalPorts } from './common/local-ports';
import { serverPaths, type ServerName } from './common/paths';
import { isFree } from './common/ports';
import { isAlive } from './process/process-identity';
import { s3Answers } from './clouds/s3-server';
import { readState, type StartedServer } from './common/state';
import { temporalAnswers } from './temporal/temporal-probe';

export interface StatusOptions {
  directory: string;
  ports?: Partial<LocalPorts> | undefined;
}

/** A value that is not known is null, so that JSON shows every key. */
export interface ServerStatus {
  name: ServerName;
  /** Whether the server answers. A server that `up` started and that hangs has a pid, but does not run. */
  running: boolean;
  /** Pid of a server that `up` has started. */
  pid: number | null;
  address: string | null;
  ui: string | null;
  startedByUs: boolean;
  log: string | null;
}

/**
 * Looks at the servers that `up` would use instead of starting new ones, apart from given addresses. The servers
 * of the clouds are listed only if `up` has started them.
 */
export async function status({ directory, ports }: StatusOptions): Promise<ServerStatus[]> {
  const { kafka, temporal, s3, blob } = readState(directory);
  const [kafkaStatus, temporalStatus, ...clouds] = await Promise.all([
    look({
      name: 'kafka',
      log: serverPaths(directory, 'kafka').log,
      last: kafka,
      wanted: ports?.kafka ?? kafka?.port ?? DEFAULT_PORTS.kafka,
      answers: kafkaAnswers,
    }),
    look({
      name: 'temporal',
      log: serverPaths(directory, 'temporal').log,
      last: temporal,
      wanted: ports?.temporal ?? temporal?.port ?? DEFAULT_PORTS.temporal,
      answers: temporalAnswers,
    }),
    ...lookAtCloud('s3', s3, s3Answers, directory),
    ...lookAtCloud('blob', blob, blobAnswers, directory),
  ]);
  const uiPort = ports?.temporalUi ?? temporal?.uiPort ?? DEFAULT_PORTS.temporalUi;
  const ui = temporalStatus.running && !(await isFree(uiPort)) ? localUrl(uiPort) : null;
  return [kafkaStatus, { ...temporalStatus, ui }, ...clouds];
}

function lookAtCloud(
  name: ServerName,
  last: StartedServer | undefined,
  answers: Subject['answers'],
  directory: string,
): Promise<ServerStatus>[] {
  if (!last) return [];
  return [look({ name, log: serverPaths(directory, name).log, last, wanted: last.port, answers })];
}

interface Subject {
  name: ServerName;
  log: string;
  last: StartedServer | undefined;
  wanted: number;
  answers: (port: number) => Promise<boolean>;
}

async function look({ name, log, last, wanted, answers }: Subject): Promise<ServerStatus> {
  const ours = last !== undefined && isAlive(last) ? last : undefined;
  const port = ours?.port ?? wanted;
  const running = await answers(port);
  return {
    name,
    running,
    pid: ours?.pid ?? null,
    address: running || ours !== undefined ? localAddress(port) : null,
    ui: null,
    startedByUs: ours !== undefined,
    log: last === undefined ? null : log,
  };
}
