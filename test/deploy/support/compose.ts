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
/** Those that run our image. */
export const ours = services.filter(([, { image }]) => image?.startsWith('cloudsync:'));

/** What Compose makes of `${NAME:-default}` where the variable is not set. */
export const interpolate = (value: string | number) =>
  String(value).replace(/\$\{\w+:-(.*?)\}/g, '$1');

/** The two files that SINK_ENV_FILE may name. */
export const SINK_ENV_FILES = ['deploy/compose/file.env', 'deploy/compose/cloud.env'];

/** Type declarations of Node 20 know its values as optional. */
export const envFile = (path: string) => parseEnv(read(path)) as Record<string, string>;

/** What a container gets. What stands in the Compose file wins over its env files. */
export function containerEnvironment(service: Service, sinkEnvFile: string) {
  const own = Object.entries(service.environment ?? {});
  return {
    ...(service.env_file ? envFile(sinkEnvFile) : {}),
    ...Object.fromEntries(own.map(([name, value]) => [name, interpolate(value)])),
  };
}
