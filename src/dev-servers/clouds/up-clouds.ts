import { requireInstalled } from '../../domain/optional-packages';
import { blobAnswers, launchBlob } from './blob-server';
import { ensureBucket, ensureContainer } from './containers';
import { ensureRunning } from '../process/ensure-running';
import { azuriteConnectionString, LOCAL_S3 } from '../common/local-clouds';
import { DEFAULT_PORTS, localUrl } from '../common/local-ports';
import { choosePort } from '../common/ports';
import { launchS3, s3Answers } from './s3-server';
import { readState } from '../common/state';
import { together } from '../process/together';
import type { UpOptions } from '../common/up-options';

/** Name of the bucket and of the container. */
const NAME = 'cloudsync';

/** Local servers in place of the clouds. If the environment names a server, its local one is absent. */
export interface LocalClouds {
  s3?: {
    endpoint: string;
    region: string;
    accessKeyId: string;
    secretAccessKey: string;
    bucket: string;
  };
  blob?: { endpoint: string; connectionString: string; container: string };
}

/** Throws a `UsageError` unless the SDKs are installed that create the bucket and the container. */
export function requireCloudSdks({ s3, blob }: UpOptions['given']): void {
  requireInstalled('--sink cloud', [
    ...(s3 ? [] : (['@aws-sdk/client-s3'] as const)),
    ...(blob ? [] : (['@azure/storage-blob'] as const)),
  ]);
}

/** Provides an S3 server with a bucket, and a Blob Storage server with a container. */
export async function upClouds(directory: string, options: UpOptions): Promise<LocalClouds> {
  const { s3: givenS3, blob: givenBlob } = options.given;
  const [s3, blob] = await together([
    givenS3 ? Promise.resolve({}) : upS3(directory, options),
    givenBlob ? Promise.resolve({}) : upBlob(directory, options),
  ]);
  return { ...s3, ...blob };
}

async function upS3(directory: string, options: UpOptions): Promise<LocalClouds> {
  const { cacheDirectory, ports, progress } = options;
  const last = readState(directory).s3;
  const wanted = ports?.s3 ?? last?.port ?? DEFAULT_PORTS.s3;
  const launch = async () => {
    const port = await choosePort(wanted, 'the S3 server', progress);
    return {
      starting: await launchS3({ directory, cacheDirectory, port, progress }),
      ports: { port },
    };
  };
  const { port } = await ensureRunning(
    { name: 's3', title: 'S3 server', directory, last, wanted, answers: s3Answers, launch },
    progress,
  );
  const endpoint = localUrl(port);
  await ensureBucket(endpoint, NAME);
  return { s3: { endpoint, ...LOCAL_S3, bucket: NAME } };
}

async function upBlob(directory: string, options: UpOptions): Promise<LocalClouds> {
  const { cacheDirectory, ports, progress } = options;
  const last = readState(directory).blob;
  const wanted = ports?.blob ?? last?.port ?? DEFAULT_PORTS.blob;
  const launch = async () => {
    const port = await choosePort(wanted, 'the Blob Storage server', progress);
    return {
      starting: await launchBlob({ directory, cacheDirectory, port, progress }),
      ports: { port },
    };
  };
  const title = 'Blob Storage server';
  const { port } = await ensureRunning(
    { name: 'blob', title, directory, last, wanted, answers: blobAnswers, launch },
    progress,
  );
  const endpoint = localUrl(port);
  await ensureContainer(endpoint, NAME);
  return {
    blob: { endpoint, connectionString: azuriteConnectionString(endpoint), container: NAME },
  };
}
