import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, loadSettings, LOCAL_ENV_FILE } from '../../src/settings/config';
import { UsageError } from '../../src/domain/errors';

/** Hides the Temporal profile of the user who runs the tests. */
const NO_PROFILE = { TEMPORAL_CONFIG_FILE: join(tmpdir(), 'there-is-no-such-file.toml') };

function load(env: NodeJS.ProcessEnv = {}) {
  return loadSettings({ ...NO_PROFILE, ...env });
}

function faultsOf(env: NodeJS.ProcessEnv): string {
  try {
    load(env);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('no fault was found');
}

describe('defaults', () => {
  test('exist for every setting', () => {
    expect(load()).toEqual({
      kafka: { brokers: ['127.0.0.1:9092'], clientId: 'cloudsync', ssl: false },
      temporal: { namespace: 'default', connection: { address: '127.0.0.1:7233' } },
      topic: 'cloudsync.messages',
      execution: { lane: 'record' },
      chunkObjects: false,
      api: {
        host: '127.0.0.1',
        port: 8088,
        metricsPort: 9465,
        tokens: [],
        maxBodyBytes: 16 * 1024 * 1024,
        maxRecords: 10_000,
        requestTimeoutMs: 30_000,
        queueRecords: 100_000,
        queueBytes: 64 * 1024 * 1024,
        lingerMs: 5,
        deliveryTimeoutMs: 30_000,
      },
      codec: {
        host: '127.0.0.1',
        port: 8089,
        origins: ['http://127.0.0.1:8233', 'http://localhost:8233'],
        tokens: [],
      },
      page: { host: '127.0.0.1', port: 8090, tokens: [], readOnly: false },
      streams: undefined,
      sinkDirectory: join('.cloudsync', 'sink'),
      faults: { rates: {}, seed: 1 },
      sink: 'file',
      s3: { forcePathStyle: false, client: {} },
      azure: {},
      retry: {},
      idempotency: {},
      metricsPort: 9464,
      metricsHost: '127.0.0.1',
      logLevel: 'info',
      stalledAfterMs: 60_000,
      tracing: false,
      dev: { download: true, directory: join('.cloudsync', 'dev'), s3: false, blob: false },
    });
  });

  test.each(['', '  '])('an empty variable (%j) counts as absent', (empty) => {
    const names = [
      'KAFKA_BROKERS',
      'KAFKA_SSL',
      'CLOUDSYNC_TOPIC',
      'CLOUDSYNC_STREAMS',
      'CLOUDSYNC_FAULTS',
      'CLOUDSYNC_METRICS_PORT',
      'CLOUDSYNC_RETRY_MAX_ATTEMPTS',
      'CLOUDSYNC_IDEMPOTENCY_STATISTICS',
      'CLOUDSYNC_LOG_LEVEL',
      'TEMPORAL_ADDRESS',
      'TEMPORAL_NAMESPACE',
    ];
    expect(load(Object.fromEntries(names.map((name) => [name, empty])))).toEqual(load());
  });

  test('variables of other programs are ignored', () => {
    expect(load({ PATH: '/bin', cloudsync_topic: 'x', XCLOUDSYNC_TOPIC: 'x' })).toEqual(load());
  });
});

test('CLOUDSYNC_API_TOKEN is the token of commands that call the HTTP producer', () => {
  expect(load({ CLOUDSYNC_API_TOKEN: ' abc\n' }).apiToken).toBe('abc');
});

describe('Kafka', () => {
  test('brokers are separated by commas, and KAFKA_BOOTSTRAP_SERVERS is another name for KAFKA_BROKERS', () => {
    const brokers = ['a:1', 'b.example:29092'];
    expect(load({ KAFKA_BROKERS: 'a:1, b.example:29092' }).kafka.brokers).toEqual(brokers);
    expect(load({ KAFKA_BOOTSTRAP_SERVERS: 'a:1,b.example:29092' }).kafka.brokers).toEqual(brokers);
    expect(load({ KAFKA_BROKERS: 'a:1', KAFKA_BOOTSTRAP_SERVERS: 'b:1' }).kafka.brokers).toEqual([
      'a:1',
    ]);
    expect(load({ KAFKA_BROKERS: '', KAFKA_BOOTSTRAP_SERVERS: 'b:1' }).dev.brokers).toEqual([
      'b:1',
    ]);
  });

  test('an IPv6 address is written in brackets', () => {
    const brokers = ['[::1]:9092', '[2001:db8::1]:9093'];
    expect(load({ KAFKA_BROKERS: brokers.join() }).kafka.brokers).toEqual(brokers);
    for (const wrong of ['::1:9092', '[::1]', '[]:1', '[a]:1', '[127.0.0.1]:1', '[::1]:70000']) {
      expect(() => load({ KAFKA_BROKERS: wrong })).toThrow('an IPv6 address in brackets');
    }
    const second = () => load({ KAFKA_BROKERS: 'a:1, b' });
    expect(second).toThrow('KAFKA_BROKERS: must be host:port');
  });

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('KAFKA_SSL=%s is %s', (value, ssl) => {
    expect(load({ KAFKA_SSL: value }).kafka.ssl).toBe(ssl);
  });

  test('SASL needs a mechanism, a name and a password', () => {
    const env = {
      KAFKA_SASL_MECHANISM: 'scram-sha-512',
      KAFKA_SASL_USERNAME: 'me',
      KAFKA_SASL_PASSWORD: 'hush',
    };
    expect(load(env).kafka.sasl).toEqual({
      mechanism: 'scram-sha-512',
      username: 'me',
      password: 'hush',
    });
  });
});

describe('clouds', () => {
  const given = {
    CLOUDSYNC_SINK: 'cloud',
    CLOUDSYNC_S3_BUCKET: 'bucket',
    CLOUDSYNC_S3_PREFIX: 'a/b',
    CLOUDSYNC_S3_FORCE_PATH_STYLE: 'true',
    CLOUDSYNC_AZURE_CONTAINER: 'container',
    CLOUDSYNC_AZURE_PREFIX: 'c',
    CLOUDSYNC_AZURE_ACCOUNT_URL: 'https://account.blob.core.windows.net',
  };

  test('bucket and container are read with their options', () => {
    expect(load(given)).toMatchObject({
      sink: 'cloud',
      s3: { bucket: 'bucket', prefix: 'a/b', forcePathStyle: true, client: {} },
      azure: { container: 'container', prefix: 'c', accountUrl: given.CLOUDSYNC_AZURE_ACCOUNT_URL },
      dev: { s3: true, blob: true },
    });
  });

  test('variables that the AWS SDK reads by itself are left to the SDK', () => {
    const aws = {
      AWS_ENDPOINT_URL_S3: 'http://x',
      AWS_ACCESS_KEY_ID: 'i',
      AWS_SECRET_ACCESS_KEY: 's',
    };
    expect(loadSettings({ ...NO_PROFILE, ...aws }, aws).s3.client).toEqual({});
    const token = { ...aws, AWS_SESSION_TOKEN: 't' };
    expect(loadSettings({ ...NO_PROFILE, ...token }, {}).s3.client).toEqual({
      endpoint: 'http://x',
      credentials: { accessKeyId: 'i', secretAccessKey: 's', sessionToken: 't' },
    });
  });

  test('a wrong setting is named, and its value is not shown', () => {
    const wrong = {
      CLOUDSYNC_SINK: 's3cret',
      CLOUDSYNC_S3_PREFIX: '/s3cret',
      CLOUDSYNC_S3_FORCE_PATH_STYLE: 's3cret',
      CLOUDSYNC_AZURE_PREFIX: 's3cret/../..',
      CLOUDSYNC_AZURE_ACCOUNT_URL: 'http://s3cret',
      AZURE_STORAGE_CONNECTION_STRING: 's3cret',
    };
    const faults = faultsOf(wrong);
    for (const name of Object.keys(wrong)) expect(faults).toContain(`${name}: `);
    expect(faults).not.toContain('s3cret');
  });
});

describe('Temporal', () => {
  test('address and namespace are read from the variables of Temporal', () => {
    const env = { TEMPORAL_ADDRESS: 'temporal:7233', TEMPORAL_NAMESPACE: 'orders' };
    const { temporal, dev } = load(env);
    expect(temporal).toEqual({ namespace: 'orders', connection: { address: 'temporal:7233' } });
    expect(dev).toMatchObject({ temporalAddress: 'temporal:7233', namespace: 'orders' });
  });

  test('a worker version needs a deployment and a build id', () => {
    const env = { CLOUDSYNC_WORKER_DEPLOYMENT: 'sync', CLOUDSYNC_WORKER_BUILD_ID: '1.2.0' };
    const workerVersion = { deploymentName: 'sync', buildId: '1.2.0' };
    expect(load(env).temporal).toMatchObject({ workerVersion });
    expect(load({}).temporal).not.toHaveProperty('workerVersion');
    expect(faultsOf({ CLOUDSYNC_WORKER_DEPLOYMENT: 'sync' })).toContain(
      'CLOUDSYNC_WORKER_BUILD_ID: is required if CLOUDSYNC_WORKER_DEPLOYMENT is set',
    );
    expect(faultsOf({ CLOUDSYNC_WORKER_BUILD_ID: '1.2.0' })).toContain(
      'CLOUDSYNC_WORKER_DEPLOYMENT: is required if CLOUDSYNC_WORKER_BUILD_ID is set',
    );
  });

  test('an API key enables TLS', () => {
    expect(load({ TEMPORAL_API_KEY: 'key' }).temporal.connection).toMatchObject({
      apiKey: 'key',
      tls: true,
    });
  });

  test("only the given environment is read, not the process's own", () => {
    const before = process.env.TEMPORAL_NAMESPACE;
    process.env.TEMPORAL_NAMESPACE = 'of-the-process';
    try {
      expect(load().temporal.namespace).toBe('default');
    } finally {
      if (before === undefined) delete process.env.TEMPORAL_NAMESPACE;
      else process.env.TEMPORAL_NAMESPACE = before;
    }
  });

  test('a profile or a certificate that does not exist is a usage error', () => {
    expect(faultsOf({ TEMPORAL_PROFILE: 'nobody' })).toContain('nobody');
    expect(faultsOf({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/no/such/ca.pem' })).toContain(
      'TEMPORAL_',
    );
  });
});

test('all other settings are read', () => {
  const settings = load({
    CLOUDSYNC_TOPIC: 'orders',
    CLOUDSYNC_STREAMS: './streams.ts',
    CLOUDSYNC_SINK_DIR: '/data',
    CLOUDSYNC_FAULTS: 'aws:timeout=0.02,seed=3',
    CLOUDSYNC_RETRY_FAST_ATTEMPTS: '1',
    CLOUDSYNC_RETRY_MAX_ATTEMPTS: '5',
    CLOUDSYNC_RETRY_INITIAL_MS: '10',
    CLOUDSYNC_RETRY_MAX_INTERVAL_MS: '100',
    CLOUDSYNC_IDEMPOTENCY_RETENTION_MS: '1000',
    CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES: '10',
    CLOUDSYNC_IDEMPOTENCY_CLEANUP_INTERVAL_MS: '2000',
    CLOUDSYNC_IDEMPOTENCY_LOCK_TIMEOUT_MS: '3000',
    CLOUDSYNC_IDEMPOTENCY_STATISTICS: 'off',
    CLOUDSYNC_IDEMPOTENCY_DETAILED_LOGGING: 'on',
    CLOUDSYNC_METRICS_PORT: '0',
    CLOUDSYNC_METRICS_HOST: '0.0.0.0',
    CLOUDSYNC_LOG_LEVEL: 'debug',
    CLOUDSYNC_TRACING: 'true',
    CLOUDSYNC_DEV_DIR: '/dev-data',
    CLOUDSYNC_DEV_DOWNLOAD: 'no',
  });
  expect(settings).toMatchObject({
    topic: 'orders',
    streams: './streams.ts',
    sinkDirectory: '/data',
    faults: { rates: { aws: { timeout: 0.02 } }, seed: 3 },
    metricsPort: 0,
    metricsHost: '0.0.0.0',
    logLevel: 'debug',
    tracing: true,
    dev: { directory: '/dev-data', download: false },
  });
  expect(settings.retry).toEqual({
    fastAttempts: 1,
    maximumAttempts: 5,
    initialIntervalMs: 10,
    maximumIntervalMs: 100,
  });
  expect(settings.idempotency).toEqual({
    retentionMs: 1000,
    maxEntries: 10,
    cleanupIntervalMs: 2000,
    lockTimeoutMs: 3000,
    statistics: false,
    detailedLogging: true,
  });
});

describe('a wrong setting', () => {
  /** Wrong values, which must not be in any error message. */
  const WRONG = {
    KAFKA_BROKERS: 's3cret-broker',
    KAFKA_BOOTSTRAP_SERVERS: 's3cret-broker:1,',
    KAFKA_SSL: 's3cret',
    KAFKA_SASL_MECHANISM: 's3cret',
    CLOUDSYNC_FAULTS: 's3cret',
    CLOUDSYNC_RETRY_FAST_ATTEMPTS: 's3cret',
    CLOUDSYNC_RETRY_MAX_ATTEMPTS: '0',
    CLOUDSYNC_RETRY_INITIAL_MS: '-1',
    CLOUDSYNC_RETRY_MAX_INTERVAL_MS: '1.5',
    CLOUDSYNC_IDEMPOTENCY_RETENTION_MS: 's3cret',
    CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES: 's3cret',
    CLOUDSYNC_IDEMPOTENCY_CLEANUP_INTERVAL_MS: 's3cret',
    CLOUDSYNC_IDEMPOTENCY_LOCK_TIMEOUT_MS: 's3cret',
    CLOUDSYNC_IDEMPOTENCY_STATISTICS: 's3cret',
    CLOUDSYNC_IDEMPOTENCY_DETAILED_LOGGING: 's3cret',
    CLOUDSYNC_METRICS_PORT: '70000',
    CLOUDSYNC_LOG_LEVEL: 's3cret',
    CLOUDSYNC_TRACING: 's3cret',
    CLOUDSYNC_DEV_DOWNLOAD: 's3cret',
    CLOUDSYNC_TOPICS: 's3cret',
  };

  /** Each is one more than a stream allows. */
  const TOO_LARGE = {
    CLOUDSYNC_RETRY_FAST_ATTEMPTS: 11,
    CLOUDSYNC_RETRY_INITIAL_MS: 2 ** 31,
    CLOUDSYNC_RETRY_MAX_INTERVAL_MS: 2 ** 31,
    CLOUDSYNC_IDEMPOTENCY_RETENTION_MS: 2 ** 53,
    CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES: 2 ** 23,
    CLOUDSYNC_IDEMPOTENCY_CLEANUP_INTERVAL_MS: 2 ** 31,
    CLOUDSYNC_IDEMPOTENCY_LOCK_TIMEOUT_MS: 2 ** 31,
  };

  test.each(Object.entries(TOO_LARGE))('%s is named if it is too large', (name, value) => {
    expect(faultsOf({ [name]: String(value) })).toContain(`${name}: `);
    expect(() => load({ [name]: String(value - 1) })).not.toThrow();
  });

  test.each(Object.entries(WRONG))('%s is named, and its value is not shown', (name, value) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toContain(name);
    expect(faults).not.toContain('s3cret');
  });

  test('is named together with all others', () => {
    const faults = faultsOf({ ...WRONG, TEMPORAL_PROFILE: 'nobody' });
    for (const name of [...Object.keys(WRONG), 'TEMPORAL_']) expect(faults).toContain(name);
    expect(faults).not.toContain('s3cret');
  });

  test('a SASL mechanism without name and password is named beside other faults', () => {
    const faults = faultsOf({ KAFKA_SASL_MECHANISM: 'plain', CLOUDSYNC_LOG_LEVEL: 'loud' });
    for (const name of ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD', 'CLOUDSYNC_LOG_LEVEL']) {
      expect(faults).toContain(name);
    }
  });

  test('a password is not shown when the name beside it is missing', () => {
    const faults = faultsOf({ KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_PASSWORD: 's3cret' });
    expect(faults).toContain('KAFKA_SASL_USERNAME');
    expect(faults).not.toContain('s3cret');
  });

  test.each(['CLOUDSYNC_', 'CLOUDSYNC_TOPIC_', 'CLOUDSYNC_FAULT', 'CLOUDSYNC_constructor'])(
    'the unknown name %s is an error even when it is empty',
    (name) => {
      expect(faultsOf({ [name]: '' })).toContain(`${name}: unknown setting`);
    },
  );
});

const LOCAL_CLOUDS = {
  CLOUDSYNC_SINK: 'cloud',
  AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:3',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'key',
  CLOUDSYNC_S3_BUCKET: 'local',
  CLOUDSYNC_S3_FORCE_PATH_STYLE: 'true',
  AZURE_STORAGE_CONNECTION_STRING:
    'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=eA==;BlobEndpoint=http://127.0.0.1:4',
  CLOUDSYNC_AZURE_CONTAINER: 'local',
};

describe('environment', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cloudsync-env-'));
  const before = { cwd: process.cwd(), env: process.env };

  beforeEach(() => {
    process.chdir(directory);
    process.env = { PATH: before.env.PATH };
  });
  afterEach(() => {
    process.chdir(before.cwd);
    process.env = before.env;
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test("is the process's own if no local servers were started", () => {
    process.env.CLOUDSYNC_TOPIC = 'orders';
    expect(environment()).toEqual({ PATH: before.env.PATH, CLOUDSYNC_TOPIC: 'orders' });
  });

  describe('with a file of local servers', () => {
    beforeAll(() => {
      mkdirSync(join(directory, '.cloudsync'));
      writeFileSync(
        join(directory, LOCAL_ENV_FILE),
        [
          'KAFKA_BROKERS=127.0.0.1:1',
          'TEMPORAL_ADDRESS=127.0.0.1:2',
          'TEMPORAL_NAMESPACE=local',
          'CLOUDSYNC_TOPIC="of the file"',
          'CLOUDSYNC_LOG_LEVEL=warn',
          ...Object.entries(LOCAL_CLOUDS).map(([name, value]) => `${name}="${value}"`),
        ].join('\n'),
      );
    });

    test('the file sets variables that the process does not have', () => {
      process.env.CLOUDSYNC_LOG_LEVEL = 'debug';
      expect(environment()).toEqual({
        PATH: before.env.PATH,
        KAFKA_BROKERS: '127.0.0.1:1',
        TEMPORAL_ADDRESS: '127.0.0.1:2',
        TEMPORAL_NAMESPACE: 'local',
        CLOUDSYNC_TOPIC: 'of the file',
        CLOUDSYNC_LOG_LEVEL: 'debug',
        ...LOCAL_CLOUDS,
      });
    });

    test('the settings give the AWS SDK the values that are only in the file', () => {
      const { s3, sink, azure } = loadSettings({ ...NO_PROFILE, ...environment() });
      expect(sink).toBe('cloud');
      expect(s3).toEqual({
        bucket: 'local',
        forcePathStyle: true,
        client: {
          endpoint: 'http://127.0.0.1:3',
          region: 'us-east-1',
          credentials: { accessKeyId: 'id', secretAccessKey: 'key' },
        },
      });
      expect(azure).toEqual({
        container: 'local',
        connectionString: LOCAL_CLOUDS.AZURE_STORAGE_CONNECTION_STRING,
      });
    });

    test('the local bucket is used with its own server and keys, even if the process has an AWS account', () => {
      process.env.AWS_ACCESS_KEY_ID = 'real';
      process.env.AWS_SECRET_ACCESS_KEY = 'real';
      process.env.AWS_SESSION_TOKEN = 'real';
      process.env.AWS_REGION = 'eu-central-1';
      expect(environment()).toMatchObject(LOCAL_CLOUDS);
      const { client } = loadSettings({ ...NO_PROFILE, ...environment() }).s3;
      expect(client).toMatchObject({ endpoint: 'http://127.0.0.1:3', region: 'us-east-1' });
      expect(client.credentials).toEqual({ accessKeyId: 'id', secretAccessKey: 'key' });
    });

    test('a bucket of the process is used without the settings of the local bucket', () => {
      process.env.CLOUDSYNC_S3_BUCKET = 'mine';
      const settings = loadSettings({ ...NO_PROFILE, ...environment() });
      expect(settings.s3).toEqual({ bucket: 'mine', forcePathStyle: false, client: {} });
      expect(settings.azure.container).toBe('local');
    });

    test.each(['AZURE_STORAGE_CONNECTION_STRING', 'CLOUDSYNC_AZURE_CONTAINER'])(
      'a storage account of the process, set by %s, is used without the settings of the local one',
      (name) => {
        process.env[name] = 'UseDevelopmentStorage=true';
        const env = environment();
        const local = Object.keys(LOCAL_CLOUDS).filter((one) => one.includes('AZURE'));
        expect(local.filter((one) => one in env)).toEqual([name]);
        expect(env).toMatchObject({ CLOUDSYNC_S3_BUCKET: 'local' });
      },
    );

    test.each([
      ['s3', 'CLOUDSYNC_S3_BUCKET'],
      ['s3', 'AWS_ENDPOINT_URL_S3'],
      ['s3', 'AWS_ENDPOINT_URL'],
      ['blob', 'CLOUDSYNC_AZURE_CONTAINER'],
      ['blob', 'CLOUDSYNC_AZURE_ACCOUNT_URL'],
    ] as const)('dev up does not start %s if %s is set', (cloud, name) => {
      process.env[name] = 'https://mine';
      const { s3, azure } = loadSettings({ ...NO_PROFILE, ...environment() });
      const { dev } = loadSettings({ ...NO_PROFILE, ...process.env });
      expect([s3.bucket, azure.container][cloud === 's3' ? 0 : 1]).not.toBe('local');
      expect(dev).toMatchObject({ s3: cloud === 's3', blob: cloud === 'blob' });
    });

    test('the process can select the file sink instead of the local storages', () => {
      process.env.CLOUDSYNC_SINK = 'file';
      expect(loadSettings({ ...NO_PROFILE, ...environment() }).sink).toBe('file');
    });

    test('a Kafka of the process is used without the settings of the local one', () => {
      process.env.KAFKA_BOOTSTRAP_SERVERS = 'kafka:9092';
      const env = environment();
      expect(env).not.toHaveProperty('KAFKA_BROKERS');
      expect(env).toMatchObject({ TEMPORAL_ADDRESS: '127.0.0.1:2' });
      expect(loadSettings({ ...NO_PROFILE, ...env }).kafka.brokers).toEqual(['kafka:9092']);
    });

    test('a Temporal of the process is used without the settings of the local one', () => {
      process.env.TEMPORAL_ADDRESS = 'temporal:7233';
      const env = environment();
      expect(env).not.toHaveProperty('TEMPORAL_NAMESPACE');
      expect(env).toMatchObject({ KAFKA_BROKERS: '127.0.0.1:1' });
      expect(loadSettings({ ...NO_PROFILE, ...env }).temporal.namespace).toBe('default');
    });
  });
});
