import { readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { read, ROOT } from './compose';

export const BASE = 'deploy/kubernetes/base';
export const EXAMPLE = 'deploy/kubernetes/overlays/example';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  spec: Record<string, unknown>;
}
export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef: { name: string; key: string } };
}
export interface Probe {
  httpGet: { path: string; port: string };
}
export interface Container {
  name: string;
  image?: string;
  args?: string[];
  env?: EnvVar[];
  envFrom?: { configMapRef: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string }[];
  resources?: { requests: object; limits: object };
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
  securityContext?: object;
}
export interface PodTemplate {
  metadata?: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: Record<string, unknown> & {
    serviceAccountName?: string;
    terminationGracePeriodSeconds?: number;
    containers: Container[];
    volumes?: { name: string; secret?: { secretName: string } }[];
  };
}
export interface Kustomization {
  resources: string[];
  configMapGenerator: { name: string; behavior?: string; envs: string[] }[];
  images?: { name: string }[];
  patches?: { path: string; target?: { kind: string; name?: string; labelSelector?: string } }[];
}

/** The documents of a YAML file. Throws if the file is no YAML. */
export function documents(path: string): Manifest[] {
  return parseAllDocuments(read(path), { merge: true }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    return document.toJS() as Manifest;
  });
}

export const kustomization = (folder: string) =>
  parse(read(folder, 'kustomization.yaml')) as Kustomization;

/** The files of a folder without its kustomization. */
export const filesOf = (folder: string) =>
  readdirSync(join(ROOT, folder)).filter((name) => name !== 'kustomization.yaml');

/** All resources of a folder, without the resources of its base. */
export const resourcesOf = (folder: string) =>
  kustomization(folder)
    .resources.filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => documents(posix.join(folder, name)));

/** Whether a selector, as `component!=api` or `component notin (api, page)`, passes a component by. */
function excludes(selector: string | undefined, component: string): boolean {
  const [, names] = /(?:!=| notin \()([^)]+)/.exec(selector ?? '') ?? [];
  return names?.split(', ').includes(component) ?? false;
}

/** The patches of the example that are partial manifests, for all deployments or for one. */
export const mergePatches = (deployment?: string) =>
  kustomization(EXAMPLE)
    .patches!.filter(({ target }) => !deployment || !excludes(target?.labelSelector, deployment))
    .flatMap(({ path }) => documents(posix.join(EXAMPLE, path)))
    .filter(({ kind }) => kind === 'Deployment' || (kind !== undefined && !deployment));

export const podTemplate = ({ spec }: Manifest) => spec.template as PodTemplate;
/** The pod spec of a deployment. A patch may have none. */
export const podSpec = (deployment: Manifest): PodTemplate['spec'] =>
  podTemplate(deployment).spec ?? { containers: [] };
export const container = (deployment: Manifest) => podSpec(deployment).containers[0]!;

/** All references to a key of a secret in the manifests, as `secret/key`. */
export function secretKeys(manifests: Manifest[]): string[] {
  const found: string[] = [];
  JSON.stringify(manifests, (name, value: unknown) => {
    if (name === 'secretKeyRef') {
      const reference = value as { name: string; key: string };
      found.push(`${reference.name}/${reference.key}`);
    }
    return value;
  });
  return found;
}
