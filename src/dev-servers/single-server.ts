import { launchBlob } from './clouds/blob-server';
import { launchKafka, type KafkaOptions } from './kafka/kafka-server';
import type { Progress } from './common/progress';
import { launchS3, type CloudServerOptions } from './clouds/s3-server';
import {
  killProcess,
  stopProcess,
  untilReady,
  type StartingServer,
} from './process/server-process';
import { launchTemporal, type TemporalOptions } from './temporal/temporal-server';

/** One server on ports of its own. It belongs to its caller; no state file knows it. */
export interface SingleServer {
  readonly pid: number;
  readonly address: string;
  readonly log: string;
  /** Sends SIGTERM, and SIGKILL if the server does not end. */
  stop(): Promise<void>;
  /** Sends SIGKILL. The data stays as it is, and the next server on the data finds it in this state. */
  kill(): Promise<void>;
}

export async function startKafka(options: KafkaOptions): Promise<SingleServer> {
  return whenReady(await launchKafka(options), options.progress);
}

export async function startTemporal(options: TemporalOptions): Promise<SingleServer> {
  return whenReady(await launchTemporal(options), options.progress);
}

export async function startS3(options: CloudServerOptions): Promise<SingleServer> {
  return whenReady(await launchS3(options), options.progress);
}

export async function startBlob(options: CloudServerOptions): Promise<SingleServer> {
  return whenReady(await launchBlob(options), options.progress);
}

async function whenReady(server: StartingServer, progress: Progress): Promise<SingleServer> {
  const { identity, address, log } = server;
  try {
    await untilReady(server, progress);
  } catch (error) {
    await stopProcess(identity);
    throw error;
  }
  return {
    pid: identity.pid,
    address,
    log,
    stop: () => stopProcess(identity),
    kill: () => killProcess(identity),
  };
}
