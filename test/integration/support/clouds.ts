import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  azuriteConnectionString,
  ensureBucket,
  ensureContainer,
  freePort,
  LOCAL_S3,
  startBlob,
  startS3,
  userCacheDirectory,
} from '../../../src/dev-servers';
import { together } from '../../../src/dev-servers/process/together';

/** The name of the bucket and of the container. */
export const STORE = 'cloudsync';

export interface Clouds {
  s3: string;
  blob: string;
  /** The variables that `dev up --sink cloud` writes. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** A real S3 server and a real Blob Storage server, with an empty bucket and container. */
export async function startClouds(): Promise<Clouds> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-clouds-'));
  const cacheDirectory = userCacheDirectory(process.env);
  const progress = (message: string) => process.stderr.write(`${message}\n`);
  const common = { directory, cacheDirectory, progress };
  const [s3, blob] = await together([
    freePort().then((port) => startS3({ ...common, port })),
    freePort().then((port) => startBlob({ ...common, port })),
  ]);
  await Promise.all([ensureBucket(s3.address, STORE), ensureContainer(blob.address, STORE)]);
  return {
    s3: s3.address,
    blob: blob.address,
    env: {
      CLOUDSYNC_SINK: 'cloud',
      AWS_ENDPOINT_URL_S3: s3.address,
      AWS_REGION: LOCAL_S3.region,
      AWS_ACCESS_KEY_ID: LOCAL_S3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_S3.secretAccessKey,
      CLOUDSYNC_S3_BUCKET: STORE,
      CLOUDSYNC_S3_FORCE_PATH_STYLE: 'true',
      AZURE_STORAGE_CONNECTION_STRING: azuriteConnectionString(blob.address),
      CLOUDSYNC_AZURE_CONTAINER: STORE,
    },
    async close() {
      await Promise.all([s3.stop(), blob.stop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
