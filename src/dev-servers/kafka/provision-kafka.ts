import { writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFolder } from '../cache/cached';
import { LocalServerError } from '../common/errors';
import { KAFKA_IMAGE, KAFKA_VERSION } from './kafka-versions';
import { kafkaPom } from './kafka-pom';
import type { Progress } from '../common/progress';
import { installedTools, type Tools } from '../cache/tools';

const MINIMUM_JAVA = 17;
const CACHED_FOLDER = `kafka-${KAFKA_VERSION}`;
const DOWNLOAD_DEADLINE_MS = 15 * 60_000;

/** Kafka's jars, which `java` runs; or its image, which `docker` runs. */
export type KafkaInstallation = { kind: 'jars'; lib: string } | { kind: 'image' };

/**
 * Names the way by which Kafka comes here: jars of the cache, jars by Maven, an image that Docker holds, or an image
 * that Docker has to pull.
 */
export type KafkaWay = 'cache' | 'maven' | 'image' | 'pull';

/** Finds the way that `provisionKafka` takes here. Throws a {@link LocalServerError} if there is no way. */
export async function wayToKafka(
  cacheDirectory: string,
  tools: Tools = installedTools,
): Promise<KafkaWay> {
  const java = javaVersion(await tools.ask('java', ['-version']));
  const cached = existsSync(join(cacheDirectory, CACHED_FOLDER));
  const maven = cached || (await tools.ask('mvn', ['-version'])) !== undefined;
  if (java !== undefined && java >= MINIMUM_JAVA && maven) return cached ? 'cache' : 'maven';
  // The client alone is not enough, so this asks the engine behind it.
  if ((await tools.ask('docker', ['version', '--format', '{{.Server.Version}}'])) === undefined) {
    throw new LocalServerError(
      `no way to run Kafka here: ${javaFound(java)}, Maven ${maven ? 'found' : 'not found'}, ` +
        `no Docker engine answers. ${WAYS}`,
    );
  }
  const image = await tools.ask('docker', ['image', 'inspect', KAFKA_IMAGE]);
  return image === undefined ? 'pull' : 'image';
}

/** Provides Kafka: its jars by Maven, kept in the cache. If Java or Maven is missing, its image by Docker. */
export async function provisionKafka(
  cacheDirectory: string,
  progress: Progress,
  tools: Tools = installedTools,
): Promise<KafkaInstallation> {
  const way = await wayToKafka(cacheDirectory, tools);
  if (way === 'cache' || way === 'maven') {
    const folder = await cachedFolder({
      cacheDirectory,
      name: CACHED_FOLDER,
      progress,
      build: (directory) => downloadJars(directory, progress, tools),
    });
    return { kind: 'jars', lib: join(folder, 'lib') };
  }
  if (way === 'pull') {
    await tools.run({
      command: 'docker',
      args: ['pull', KAFKA_IMAGE],
      doing: `pulling the image ${KAFKA_IMAGE}`,
      deadlineMs: DOWNLOAD_DEADLINE_MS,
      progress,
    });
  }
  return { kind: 'image' };
}

const WAYS = `Any one of these will do:
  - put Java ${MINIMUM_JAVA} or newer and Maven on PATH (java, mvn)
  - start Docker: the image ${KAFKA_IMAGE} is used
  - set KAFKA_BROKERS to the addresses of a Kafka that runs`;

async function downloadJars(directory: string, progress: Progress, tools: Tools): Promise<void> {
  await writeFile(join(directory, 'pom.xml'), kafkaPom());
  try {
    await tools.run({
      command: 'mvn',
      args: ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib'],
      cwd: directory,
      doing: `downloading Kafka ${KAFKA_VERSION} with Maven (55 MB, the first time only)`,
      deadlineMs: DOWNLOAD_DEADLINE_MS,
      progress,
    });
  } catch (error) {
    throw new LocalServerError(`${(error as Error).message}\n${WAYS}`);
  }
}

/** The major version: 17 of `version "17.0.15"`; 1 of the old `version "1.8.0_402"`. */
export function javaVersion(output: string | undefined): number | undefined {
  const major = /version "(\d+)/.exec(output ?? '')?.[1];
  return major === undefined ? undefined : Number(major);
}

function javaFound(version: number | undefined): string {
  if (version === undefined) return 'Java not found';
  return version < MINIMUM_JAVA ? `Java ${version} is too old` : `Java ${version} found`;
}
