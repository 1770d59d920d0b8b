import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadSettings } from '../../src/settings/config';
import referenceStreams from '../../src/reference/streams/index';
import { envFile, read } from './support/compose';
import {
  BASE,
  container,
  EXAMPLE,
  filesOf,
  kustomization,
  mergePatches,
  podSpec,
  podTemplate,
  resourcesOf,
  secretKeys,
  type Manifest,
} from './support/manifests';
import { expectCommand, metricsPort } from './support/program';
import { unknownFields, validate } from './support/schemas';

const resources = [...resourcesOf(BASE), ...resourcesOf(EXAMPLE)];
const named = resources.map((one): [string, Manifest] => [`${one.kind} ${one.metadata.name}`, one]);
const ofKind = (kind: string) => resources.filter((one) => one.kind === kind);
const deployments = ofKind('Deployment').map((one): [string, Manifest] => [one.metadata.name, one]);
const patches = mergePatches();
const base = envFile(`${BASE}/settings.env`);
const example = { ...base, ...envFile(`${EXAMPLE}/settings.env`) };

/** The environment of a deployment in the example, secrets as `secret`. */
function environmentOf(deployment: Manifest): Record<string, string> {
  const patched = [deployment, ...mergePatches(deployment.metadata.name)];
  const env = patched.flatMap((one) => podSpec(one).containers[0]?.env ?? []);
  const secret = '0'.repeat(64);
  return {
    ...example,
    ...Object.fromEntries(env.map(({ name, value }) => [name, value ?? secret])),
  };
}

test.each(named)('%s matches its schema', (_, manifest) => validate(manifest));

test('the schema check finds a wrong type', () => {
  const deployment = structuredClone(deployments[0]![1]);
  deployment.spec.replicas = '3';
  expect(() => validate(deployment)).toThrow('replicas must be integer');
});

test('no manifest has a field that does not exist', () => {
  expect(unknownFields(resources)).toEqual([]);
  expect(unknownFields(patches, true)).toEqual([]);
  const misspelt = structuredClone(patches[0]!);
  Object.assign(container(misspelt), { readinesProbe: {} });
  expect(unknownFields([misspelt], true).join()).toMatch(/readinesProbe.* does not exist/);
}, 60_000);

test.each([BASE, EXAMPLE])(
  'the kustomization of %s names every file of its folder, and no other',
  (folder) => {
    const { resources: files, configMapGenerator, patches: patched = [] } = kustomization(folder);
    const listed = [
      ...files.filter((name) => !name.startsWith('..')),
      ...configMapGenerator.flatMap(({ envs }) => envs),
      ...patched.map(({ path }) => path),
    ];
    expect(listed.toSorted()).toEqual(filesOf(folder).toSorted());
  },
);

test('the example builds on the base, and replaces its settings and its image', () => {
  const { resources: files, configMapGenerator, images } = kustomization(EXAMPLE);
  expect(files).toContain('../../base');
  const generated = kustomization(BASE).configMapGenerator[0]!.name;
  expect(configMapGenerator).toMatchObject([{ name: generated, behavior: 'merge' }]);
  for (const [, deployment] of deployments) {
    const { image, envFrom } = container(deployment);
    expect(envFrom).toEqual([{ configMapRef: { name: generated } }]);
    expect(images!.map(({ name }) => name)).toContain(image!.split(':')[0]);
  }
});

test('the base has a deployment for each part of the reference application', () => {
  const settings = loadSettings({});
  const streams = referenceStreams(settings).map(({ name }) => `bridge-${name}`);
  expect(deployments.map(([name]) => name)).toEqual(['api', ...streams, 'worker', 'page']);
});

describe.each(deployments)('deployment %s', (name, deployment) => {
  const { metadata, spec } = podTemplate(deployment);
  const { args, ports, livenessProbe, readinessProbe, startupProbe, ...rest } =
    container(deployment);

  test('runs a command that exists', () => expectCommand(args!));

  test('is probed and scraped at ports that it listens on', () => {
    const numbers = Object.fromEntries(ports!.map((port) => [port.name, port.containerPort]));
    const env = environmentOf(deployment);
    if (name === 'api') expect(numbers.http).toBe(Number(env.CLOUDSYNC_API_PORT));
    if (name === 'page') {
      expect(numbers).toEqual({ http: Number(env.CLOUDSYNC_PAGE_PORT) });
      expect(metadata!.annotations).toBeUndefined();
    } else {
      expect(numbers.metrics).toBe(metricsPort(args!, base));
      expect(metadata!.annotations).toMatchObject({ 'prometheus.io/port': `${numbers.metrics}` });
    }
    expect(livenessProbe!.httpGet.path).toBe('/livez');
    expect(startupProbe!.httpGet.path).toBe('/livez');
    expect(readinessProbe!.httpGet.path).toBe('/readyz');
    for (const { httpGet } of [livenessProbe!, startupProbe!, readinessProbe!]) {
      expect(numbers).toHaveProperty(httpGet.port);
    }
  });

  test('runs without privileges, and has time to drain before it is killed', () => {
    // Longer than the deadline in src/lib/lifecycle.ts.
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(28 + (name === 'api' ? 5 : 0));
    expect(spec).toMatchObject({
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(rest).toMatchObject({
      resources: { requests: expect.anything() as object, limits: expect.anything() as object },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    });
    const accounts = ofKind('ServiceAccount').map((one) => one.metadata.name);
    expect(accounts).toContain(spec.serviceAccountName);
  });

  test('has settings that loadSettings accepts, and mounts the files that they name', () => {
    const directory = mkdtempSync(join(tmpdir(), 'cloudsync-mounts-'));
    const mounts = [deployment, ...mergePatches(name)].flatMap(
      (one) => podSpec(one).containers[0]?.volumeMounts ?? [],
    );
    const env = environmentOf(deployment);
    for (const [variable, value] of Object.entries(env)) {
      if (!value.startsWith('/etc/cloudsync/')) continue;
      expect(mounts.map(({ mountPath }) => mountPath)).toContain(dirname(value));
      env[variable] = join(directory, value);
      mkdirSync(dirname(env[variable]), { recursive: true });
      writeFileSync(env[variable], contentOf(variable));
    }
    try {
      expect(loadSettings(env).kafka.sasl).toBeDefined();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('has at most one pod unavailable while nodes are drained, if something waits for it', () => {
    const budget = ofKind('PodDisruptionBudget').find((one) => one.metadata.name === name);
    if (name === 'page') return expect(budget).toBeUndefined();
    expect(budget!.spec).toEqual({ maxUnavailable: 1, selector: deployment.spec.selector });
    expect(deployment.spec.replicas).toBeGreaterThan(1);
  });
});

function contentOf(variable: string): string {
  if (variable.startsWith('KAFKA_SSL')) return read('test/kafka/fixtures/ca.crt');
  return variable.includes('ENCRYPTION') ? `2026-11:${Buffer.alloc(32).toString('base64')}` : '';
}

test('every selector finds its pods', () => {
  const labels = deployments.map(([, one]) => podTemplate(one).metadata!.labels);
  const found = (selector: Record<string, string>) =>
    labels.filter((one) => Object.entries(selector).every(([key, value]) => one[key] === value));
  for (const [, { spec }] of deployments) {
    expect(
      found((spec.selector as { matchLabels: Record<string, string> }).matchLabels),
    ).toHaveLength(1);
  }
  for (const { spec } of ofKind('Service')) {
    expect(found(spec.selector as Record<string, string>)).toHaveLength(1);
  }
  const policies = ofKind('NetworkPolicy').map(({ spec }) => {
    const { podSelector } = spec as { podSelector: { matchLabels: Record<string, string> } };
    return found(podSelector.matchLabels).length;
  });
  expect(policies).toEqual([deployments.length, 1, 1]);
});

test('the operator page only shows, needs a login, and nobody in the cluster connects to it', () => {
  const [, page] = deployments.find(([name]) => name === 'page')!;
  const env = Object.entries(environmentOf(page)).filter(([name]) => /_PAGE_/.test(name));
  const settings = loadSettings(Object.fromEntries(env)).page;
  expect(settings).toMatchObject({ host: '0.0.0.0', readOnly: true, tokens: [{}] });
  const policy = ofKind('NetworkPolicy').find((one) => one.metadata.name === 'page')!;
  expect(policy.spec).toMatchObject({ policyTypes: ['Ingress'], ingress: [] });
  expect(ofKind('Ingress')).toEqual([]);
});

test('manifests refer to secrets and contain none', () => {
  expect(ofKind('Secret')).toEqual([]);
  const secret = /SASL_(USERNAME|PASSWORD)|_TOKENS|API_KEY|SECRET|CONNECTION_STRING/;
  expect(Object.keys(example).filter((name) => secret.test(name))).toEqual([]);
  for (const one of [...deployments.map(([, deployment]) => deployment), ...patches]) {
    if (one.kind !== 'Deployment') continue;
    const env = podSpec(one).containers[0]?.env ?? [];
    for (const { name, value } of env) if (secret.test(name)) expect(value).toBeUndefined();
  }
});

test('the example says how to make each secret that it names', () => {
  const text = read(EXAMPLE, 'kustomization.yaml').replace(/\\\n#\s+/g, '');
  const made = [...text.matchAll(/create secret generic (\S+) (.+)/g)].flatMap(([, name, keys]) =>
    [...keys!.matchAll(/--from-\w+=([^=\s]+)=/g)].map(([, key]) => `${name}/${key}`),
  );
  const scaling = ofKind('TriggerAuthentication')[0]!.spec.secretTargetRef as {
    name: string;
    key: string;
  }[];
  const named = [
    ...secretKeys([...resources, ...patches]),
    ...scaling.map((one) => `${one.name}/${one.key}`),
  ];
  expect(made).toEqual(expect.arrayContaining(named));
  const mounted = patches
    .filter(({ kind }) => kind === 'Deployment')
    .flatMap((one) => podSpec(one).volumes ?? [])
    .flatMap(({ secret }) => (secret ? [secret.secretName] : []));
  const names = made.map((one) => one.split('/')[0]);
  expect(names).toEqual(expect.arrayContaining(mounted));
});

test.each(ofKind('ScaledObject').map((one): [string, Manifest] => [one.metadata.name, one]))(
  'KEDA scales %s by the lag of its own group, up to the number of partitions',
  (name, { spec }) => {
    const { scaleTargetRef, triggers, minReplicaCount, maxReplicaCount } = spec as {
      scaleTargetRef: { name: string };
      minReplicaCount: number;
      maxReplicaCount: number;
      triggers: { metadata: Record<string, string>; authenticationRef: { name: string } }[];
    };
    expect(scaleTargetRef.name).toBe(name);
    const settings = loadSettings({ CLOUDSYNC_TOPIC: example.CLOUDSYNC_TOPIC });
    const stream = referenceStreams(settings).find((one) => `bridge-${one.name}` === name)!;
    expect(triggers).toMatchObject([
      {
        type: 'kafka',
        metadata: {
          bootstrapServers: example.KAFKA_BROKERS,
          consumerGroup: stream.groupId,
          topic: stream.topic,
          offsetResetPolicy: 'earliest',
          sasl: example.KAFKA_SASL_MECHANISM!.replace('-sha-', '_sha'),
          tls: 'enable',
        },
        authenticationRef: { name: ofKind('TriggerAuthentication')[0]!.metadata.name },
      },
    ]);
    expect(minReplicaCount).toBeGreaterThan(1);
    // docs/guides/production.md creates the topic with this number of partitions.
    const create = /topics create --partitions (\d+)/.exec(read('docs/guides/production.md'))!;
    expect(maxReplicaCount).toBe(Number(create[1]));
  },
);
