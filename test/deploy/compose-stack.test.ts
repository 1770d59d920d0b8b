import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { parse } from 'yaml';
import packageJson from '../../package.json';
import {
  compose,
  containerEnvironment,
  envFile,
  read,
  ROOT,
  SINK_ENV_FILES,
} from './support/compose';
import { PROMETHEUS_IMAGE } from './support/promtool';

const cloud = envFile('deploy/compose/cloud.env');
const { versitygw, azurite, grafana, prometheus, api, page } = compose.services;

/** Host and port of an address inside the network of the services. */
function expectService(address: string, port: string): void {
  const url = new URL(address);
  expect(compose.services).toHaveProperty(url.hostname);
  expect(url.port).toBe(port);
}

/** The path in the container to which Compose mounts a path of the checkout. */
const mounted = (volumes: string[], path: string) =>
  volumes.map((one) => one.split(':')).find(([source]) => source === `./${path}`)?.[1];

test('cloud.env enables the storage services, and names itself in SINK_ENV_FILE', () => {
  expect(SINK_ENV_FILES).toContain(cloud.SINK_ENV_FILE);
  for (const service of [versitygw, azurite, compose.services['cloud-storage']]) {
    expect(service!.profiles).toEqual([cloud.COMPOSE_PROFILES]);
  }
});

test('address, region and keys of S3 in cloud.env are those of versitygw', () => {
  expectService(cloud.AWS_ENDPOINT_URL_S3!, '7070');
  expect(versitygw!.command).toEqual(expect.arrayContaining(['--port', ':7070']));
  // The default region of versitygw, which a client has to sign with.
  expect(cloud.AWS_REGION).toBe('us-east-1');
  expect(versitygw!.environment).toEqual({
    ROOT_ACCESS_KEY_ID: cloud.AWS_ACCESS_KEY_ID,
    ROOT_SECRET_ACCESS_KEY: cloud.AWS_SECRET_ACCESS_KEY,
  });
  const folders = versitygw!.volumes!.map((volume) => volume.split(':')[1]);
  expect(versitygw!.command!.slice(-2).toSorted()).toEqual(folders.toSorted());
  expect(versitygw!.healthcheck!.test.at(-1)).toContain(':7070/health');
});

test('address and account of Blob Storage in cloud.env are those of Azurite', () => {
  const parts = Object.fromEntries(
    cloud.AZURE_STORAGE_CONNECTION_STRING!.split(';').map((part) => {
      const [name, ...value] = part.split('=');
      return [name, value.join('=')];
    }),
  ) as Record<string, string>;
  expectService(parts.BlobEndpoint!, '10000');
  // The account is in the path, as `--disableProductStyleUrl` makes Azurite look for it there.
  expect(new URL(parts.BlobEndpoint!).pathname).toBe(`/${parts.AccountName}`);
  expect(azurite!.command).toContain('--disableProductStyleUrl');
});

test('the script that creates the bucket and the container finds the SDKs in the image', async () => {
  const { entrypoint, volumes, environment, env_file: files } = compose.services['cloud-storage']!;
  const script = 'deploy/compose/create-storage.mjs';
  expect(entrypoint).toEqual(['node', mounted(volumes!, script)]);
  expect(read('Dockerfile')).toContain('WORKDIR /app\n');
  expect(entrypoint![1]).toMatch(/^\/app\//);
  const imports = [...read(script).matchAll(/from '(@[^']+)'/g)].map(([, name]) => name);
  expect(imports).toEqual(['@aws-sdk/client-s3', '@azure/storage-blob']);
  // The image keeps each optional package; see the test of the Dockerfile.
  for (const name of imports) expect(packageJson.peerDependenciesMeta).toHaveProperty([name!]);
  const names = [...read(script).matchAll(/\b(?:CLOUDSYNC|AZURE)_[A-Z0-9_]+/g)].map(
    ([name]) => name,
  );
  const env = containerEnvironment(
    { environment: environment!, env_file: files! },
    cloud.SINK_ENV_FILE!,
  );
  for (const name of names) expect(env).toHaveProperty(name);
  await promisify(execFile)(process.execPath, ['--check', join(ROOT, script)]);
});

test('Grafana shows the dashboard, with Prometheus as its source', () => {
  const provisioning = 'deploy/grafana/provisioning';
  expect(mounted(grafana!.volumes!, provisioning)).toBe('/etc/grafana/provisioning');
  const { datasources } = parse(read(provisioning, 'datasources', 'prometheus.yml')) as {
    datasources: { type: string; url: string; isDefault: boolean }[];
  };
  expect(datasources).toMatchObject([{ type: 'prometheus', isDefault: true }]);
  expectService(datasources[0]!.url, '9090');
  const { providers } = parse(read(provisioning, 'dashboards', 'cloudsync.yml')) as {
    providers: { options: { path: string } }[];
  };
  const dashboard = mounted(grafana!.volumes!, 'deploy/grafana/cloudsync.json');
  expect(dashboard).toBe(`${providers[0]!.options.path}/cloudsync.json`);
  expect(grafana!.environment).toMatchObject({
    GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: dashboard,
    GF_AUTH_ANONYMOUS_ENABLED: 'true',
    GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
    GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: 'true',
  });
});

test('Prometheus reads the configuration and the rules, and has the version that the tests check them with', () => {
  expect(prometheus!.image).toBe(PROMETHEUS_IMAGE);
  const folder = 'deploy/prometheus';
  const config = mounted(prometheus!.volumes!, `${folder}/prometheus.yml`);
  expect(config).toBe('/etc/prometheus/prometheus.yml');
  const { rule_files: rules } = parse(read(folder, 'prometheus.yml')) as { rule_files: string[] };
  expect(rules).toEqual([mounted(prometheus!.volumes!, `${folder}/rules.yml`)]);
});

test.each([
  ['HTTP producer', api!, 'CLOUDSYNC_API'],
  ['Operator page', page!, 'CLOUDSYNC_PAGE'],
])(
  'the %s accepts the token that the Compose file names, at the address beside it',
  (title, service, prefix) => {
    const line = new RegExp(`${title} http://127\\.0\\.0\\.1:(\\d+)\\S* \\(token: (\\S+)\\)`);
    const [, port, token] = line.exec(read('docker-compose.yml'))!;
    const hash = createHash('sha256').update(token!).digest('hex');
    const env = containerEnvironment(service, SINK_ENV_FILES[0]!) as Record<string, string>;
    expect(env[`${prefix}_TOKENS`]).toMatch(new RegExp(`^(\\w+=)?${hash}$`));
    expect(service.ports).toEqual([`127.0.0.1:${port}:${env[`${prefix}_PORT`]}`]);
  },
);

test("the operator page links to Temporal's UI as the host reaches it", () => {
  const env = containerEnvironment(page!, SINK_ENV_FILES[0]!) as Record<string, string>;
  const { hostname, port } = new URL(env.CLOUDSYNC_PAGE_TEMPORAL_UI!);
  const [published] = compose.services['temporal-ui']!.ports!;
  expect(published!.split(':').slice(0, 2)).toEqual([hostname, port]);
});
