import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';

export const ROOT = join(__dirname, '..', '..', '..');
export const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');

export interface Service {
  image?: string;
  command?: string[];
  entrypoint?: string[];
  ports?: string[];
  volumes?: string[];
  profiles?: string[];
  environment?: Record<string, string | number>;
  env_file?: string[];
  depends_on?: Record<string, { condition: string; required?: boolean }>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
  read_only?: boolean;
  tmpfs?: string[];
  cap_drop?: string[];
  security_opt?: string[];
}

export const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
export const services = Object.entries(compose.services);
/** The services that run the image of CloudSync. */
export const ours = services.filter(([, { image }]) => image?.startsWith('cloudsync:'));

/** Replaces `${NAME:-default}` by the default, as Compose does if the variable is not set. */
export const interpolate = (value: string | number) =>
  String(value).replace(/\$\{\w+:-(.*?)\}/g, '$1');

/** The two files that SINK_ENV_FILE may name. */
export const SINK_ENV_FILES = ['deploy/compose/file.env', 'deploy/compose/cloud.env'];

/** Reads an environment file. The type declarations of Node 20 say that its values are optional. */
export const envFile = (path: string) => parseEnv(read(path)) as Record<string, string>;

/** The environment of a container. Values in the Compose file override those of its env files. */
export function containerEnvironment(service: Service, sinkEnvFile: string) {
  const own = Object.entries(service.environment ?? {});
  return {
    ...(service.env_file ? envFile(sinkEnvFile) : {}),
    ...Object.fromEntries(own.map(([name, value]) => [name, interpolate(value)])),
  };
}
