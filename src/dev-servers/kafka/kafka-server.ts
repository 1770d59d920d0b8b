import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dockerRunArguments } from './kafka-docker';
import { kafkaAnswers } from './kafka-probe';
import { LocalServerError } from '../common/errors';
import {
  kafkaSettings,
  LOG4J2_PROPERTIES,
  toProperties,
  type FurtherListener,
} from './kafka-settings';
import { localAddress } from '../common/local-ports';
import { serverPaths } from '../common/paths';
import { freePort } from '../common/ports';
import type { Progress } from '../common/progress';
import { provisionKafka } from './provision-kafka';
import { spawnServer, type StartingServer } from '../process/server-process';
import { installedTools } from '../cache/tools';

const FORMAT_DEADLINE_MS = 2 * 60_000;

export interface KafkaOptions {
  /** The folder for the data in `kafka/` and the log in `logs/kafka.log`. */
  directory: string;
  cacheDirectory: string;
  port: number;
  /** Maximum heap; default `1g`. */
  heap?: string | undefined;
  /** Listeners besides `port`. They need Java, because a container has one port only. */
  further?: FurtherListener[];
  progress: Progress;
}

/** Starts Kafka on 127.0.0.1, on new data or on the data that an earlier server left. */
export async function launchKafka(options: KafkaOptions): Promise<StartingServer> {
  const { cacheDirectory, port, heap = '1g', further = [], progress } = options;
  const { home, log } = serverPaths(options.directory, 'kafka');
  const installation = await provisionKafka(cacheDirectory, progress);
  if (further.length > 0 && installation.kind !== 'jars') {
    throw new LocalServerError('Kafka with further listeners needs Java 17 and Maven, not Docker');
  }
  mkdirSync(home, { recursive: true });
  const program =
    installation.kind === 'jars'
      ? await prepareJava(installation.lib, home, { port, heap, further, progress })
      : await prepareDocker(home, port, heap);
  const address = localAddress(port);
  progress(`starting Kafka on ${address}`);
  const identity = spawnServer({ title: 'Kafka', ...program, cwd: home, log });
  return { title: 'Kafka', address, identity, log, answers: () => kafkaAnswers(port) };
}

interface Program {
  command: string;
  args: string[];
}

/**
 * Prepares Kafka for Java. Paths are relative to `home`, where the program runs, because a properties file holds
 * only Latin-1.
 */
async function prepareJava(
  lib: string,
  home: string,
  options: { port: number; heap: string; further: FurtherListener[]; progress: Progress },
): Promise<Program> {
  const { port, heap, further, progress } = options;
  const settings = kafkaSettings({
    host: '127.0.0.1',
    port,
    further,
    controllerPort: await freePort(),
    dataDirectory: 'data',
  });
  writeFileSync(join(home, 'server.properties'), toProperties(settings));
  writeFileSync(join(home, 'log4j2.properties'), LOG4J2_PROPERTIES);
  const java = ['-cp', join(lib, '*'), '-Dlog4j2.configurationFile=log4j2.properties'];
  if (!existsSync(join(home, 'data', 'meta.properties'))) {
    const clusterId = randomBytes(16).toString('base64url');
    const format = ['kafka.tools.StorageTool', 'format', `--cluster-id=${clusterId}`];
    await installedTools.run({
      command: 'java',
      args: [...java, ...format, '--config', 'server.properties'],
      cwd: home,
      doing: "formatting Kafka's data directory",
      deadlineMs: FORMAT_DEADLINE_MS,
      progress,
    });
  }
  const memory = [`-Xmx${heap}`, '-XX:+ExitOnOutOfMemoryError'];
  return { command: 'java', args: [...memory, ...java, 'kafka.Kafka', 'server.properties'] };
}

async function prepareDocker(home: string, port: number, heap: string): Promise<Program> {
  const id = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const name = `cloudsync-kafka-${id}`;
  // A container that outlived its client, for example after a SIGKILL, still has the name and the port.
  await installedTools.ask('docker', ['rm', '--force', name]);
  return { command: 'docker', args: dockerRunArguments({ name, port, heap }) };
}
