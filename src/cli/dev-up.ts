import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadSettings, LOCAL_ENV_FILE, processEnvironment } from '../config';
import { up, userCacheDirectory, type LocalAddresses } from '../dev';
import { say } from './output';

/** Brings the local servers up, where the environment does not name others. */
export async function localServers(): Promise<LocalAddresses> {
  const env = processEnvironment();
  const { brokers, temporalAddress, namespace, directory, download } = loadSettings(env).dev;
  return up({
    directory,
    cacheDirectory: userCacheDirectory(env),
    given: { brokers, temporalAddress, namespace },
    download,
    progress: say,
  });
}

export function addressesAsEnvironment({ kafka, temporal }: LocalAddresses) {
  return {
    KAFKA_BROKERS: kafka.brokers.join(','),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
}

/** Leaves variables where the other commands find them; see `environment` in config.ts. */
export async function writeLocalEnvironment(variables: Record<string, string>): Promise<void> {
  await mkdir(dirname(LOCAL_ENV_FILE), { recursive: true });
  const lines = Object.entries(variables).map(([name, value]) => `${name}="${value}"\n`);
  await writeFile(LOCAL_ENV_FILE, lines.join(''));
}
