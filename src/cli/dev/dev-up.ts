import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadSettings, LOCAL_ENV_FILE, processEnvironment } from '../../settings/config';
import {
  up,
  upPlan,
  userCacheDirectory,
  type LocalAddresses,
  type ServerPlan,
  type UpOptions,
} from '../../dev-servers';
import { say } from '../output/output';

/** Starts the local servers for which the environment names no others; with `cloud` also those of the clouds. */
export async function localServers({ cloud = false } = {}): Promise<LocalAddresses> {
  return up({ ...upOptions(), cloud });
}

/** Tells what `localServers` will do about Kafka and Temporal. */
export async function localPlan(): Promise<ServerPlan[]> {
  return upPlan(upOptions());
}

function upOptions(): UpOptions {
  const env = processEnvironment();
  const { directory, download, ...given } = loadSettings(env).dev;
  return {
    directory,
    cacheDirectory: userCacheDirectory(env),
    given,
    download,
    progress: say,
  };
}

export function addressesAsEnvironment({ kafka, temporal, cloud }: LocalAddresses) {
  return {
    KAFKA_BROKERS: kafka.brokers.join(','),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    ...(cloud && { CLOUDSYNC_SINK: 'cloud' }),
    ...(cloud?.s3 && {
      AWS_ENDPOINT_URL_S3: cloud.s3.endpoint,
      AWS_REGION: cloud.s3.region,
      AWS_ACCESS_KEY_ID: cloud.s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: cloud.s3.secretAccessKey,
      // The AWS SDK prefers a profile to keys, and it sends a token along with the keys.
      AWS_PROFILE: '',
      AWS_SESSION_TOKEN: '',
      CLOUDSYNC_S3_BUCKET: cloud.s3.bucket,
      CLOUDSYNC_S3_FORCE_PATH_STYLE: 'true',
    }),
    ...(cloud?.blob && {
      AZURE_STORAGE_CONNECTION_STRING: cloud.blob.connectionString,
      CLOUDSYNC_AZURE_CONTAINER: cloud.blob.container,
    }),
  };
}

/** Writes the variables to a file in which the other commands find them; see `environment` in config.ts. */
export async function writeLocalEnvironment(variables: Record<string, string>): Promise<void> {
  await mkdir(dirname(LOCAL_ENV_FILE), { recursive: true });
  const lines = Object.entries(variables).map(([name, value]) => `${name}="${value}"\n`);
  // The file may hold keys, though only those of the local clouds.
  await writeFile(LOCAL_ENV_FILE, lines.join(''), { mode: 0o600 });
}
