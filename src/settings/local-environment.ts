import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

/**
 * The file that names the servers of `dev up` and the streams of the demo. Variables of the environment take
 * precedence, except the AWS variables of `LOCAL_CLOUDS`.
 */
export const LOCAL_ENV_FILE = join('.cloudsync', 'env');

/**
 * The variables that the file may set. A checkout must not be able to run code of its own through the file.
 */
const LOCAL_NAMES = [
  'KAFKA_BROKERS',
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'CLOUDSYNC_TOPIC',
  'CLOUDSYNC_SINK_DIR',
  'CLOUDSYNC_LANE',
  'CLOUDSYNC_SINK',
];

/**
 * The variables of the local clouds, and for each cloud the variables that name another cloud in its place. A
 * bucket belongs to its server and its keys. So either all variables of a cloud are used from the file, even
 * over AWS variables of the process, or none.
 */
const LOCAL_CLOUDS = {
  s3: {
    names: [
      ...['CLOUDSYNC_S3_BUCKET', 'CLOUDSYNC_S3_PREFIX', 'CLOUDSYNC_S3_FORCE_PATH_STYLE'],
      ...['AWS_ENDPOINT_URL_S3', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    ],
    own: ['CLOUDSYNC_S3_BUCKET', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
  },
  blob: {
    names: [
      ...['CLOUDSYNC_AZURE_CONTAINER', 'CLOUDSYNC_AZURE_PREFIX'],
      'AZURE_STORAGE_CONNECTION_STRING',
    ],
    own: [
      ...['CLOUDSYNC_AZURE_CONTAINER', 'CLOUDSYNC_AZURE_ACCOUNT_URL'],
      'AZURE_STORAGE_CONNECTION_STRING',
    ],
  },
};

const anyGiven = (names: string[], env: NodeJS.ProcessEnv) =>
  names.some((name) => env[name]?.trim());

/** Whether an environment names an S3 server, or a storage account, of its own. */
export function namesOwn(cloud: keyof typeof LOCAL_CLOUDS, env: NodeJS.ProcessEnv): boolean {
  return anyGiven(LOCAL_CLOUDS[cloud].own, env);
}

/**
 * Completes an environment by what `dev up` and the demo left in {@link LOCAL_ENV_FILE}. If the environment
 * names a Kafka, a Temporal, an S3 or a storage account of its own, it gets nothing of the local one.
 */
export function withLocalEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (!existsSync(LOCAL_ENV_FILE)) return given;
  const own = [
    ...(anyGiven(['KAFKA_BROKERS', 'KAFKA_BOOTSTRAP_SERVERS'], given) ? ['KAFKA_'] : []),
    ...(Object.keys(given).some((name) => name.startsWith('TEMPORAL_')) ? ['TEMPORAL_'] : []),
  ];
  const file = parseEnv(readFileSync(LOCAL_ENV_FILE, 'utf8'));
  const nonEmpty = Object.entries(given).filter(([, value]) => value?.trim());
  const clouds = (['s3', 'blob'] as const)
    .filter((cloud) => !namesOwn(cloud, given))
    .flatMap((cloud) => LOCAL_CLOUDS[cloud].names);
  return {
    ...pick(file, (name) => LOCAL_NAMES.includes(name) && !own.some((p) => name.startsWith(p))),
    ...Object.fromEntries(nonEmpty),
    ...pick(file, (name) => clouds.includes(name)),
  };
}

function pick(file: NodeJS.Dict<string>, wanted: (name: string) => boolean): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(file).filter(([name]) => wanted(name)));
}

/** Settings of the AWS SDK's client that the SDK would not find in the process's environment by itself. */
export interface AwsClientSettings {
  /** URL of the S3 server. */
  endpoint?: string;
  /** Region of the bucket. */
  region?: string;
  /** Keys that go together. */
  credentials?: {
    /** Names the key. */
    accessKeyId: string;
    /** The key itself. */
    secretAccessKey: string;
    /** Goes with keys that are valid for some hours only. */
    sessionToken?: string;
  };
}

/**
 * The settings that the AWS SDK does not find itself. The SDK reads the process's environment, including
 * variables that are no settings of CloudSync. It does not find variables of the local file, or of an
 * environment that was put together by hand.
 */
export function unknownToAwsSdk(
  env: NodeJS.ProcessEnv,
  ofProcess: NodeJS.ProcessEnv,
): AwsClientSettings {
  const unknown = (name: string) => (env[name] === ofProcess[name] ? undefined : env[name]);
  const endpoint = unknown('AWS_ENDPOINT_URL_S3');
  const region = unknown('AWS_REGION');
  const accessKeyId = unknown('AWS_ACCESS_KEY_ID');
  const secretAccessKey = env.AWS_SECRET_ACCESS_KEY;
  const sessionToken = unknown('AWS_SESSION_TOKEN');
  return {
    ...(endpoint && { endpoint }),
    ...(region && { region }),
    ...(accessKeyId &&
      secretAccessKey && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
      }),
  };
}
