import { UsageError } from './errors';

/**
 * Every optional peer dependency, with the version to install. Without a version npm takes the latest one, which may be a
 * major version that CloudSync does not know yet.
 */
export const OPTIONAL_PACKAGES = {
  '@aws-sdk/client-s3': '3',
  '@azure/identity': '4',
  '@azure/storage-blob': '12',
  '@fastify/cookie': '11',
  '@fastify/cors': '11',
  '@fastify/helmet': '13',
  '@fastify/swagger': '9',
  '@fastify/swagger-ui': '5',
  '@opentelemetry/exporter-trace-otlp-http': '0.223',
  '@opentelemetry/resources': '2',
  '@opentelemetry/sdk-trace-node': '2',
  fastify: '5',
  'htmx.org': '2',
  preact: '11',
  'preact-render-to-string': '6',
  uplot: '1',
} as const;

export type OptionalPackage = keyof typeof OPTIONAL_PACKAGES;

/**
 * Throws a {@link UsageError} unless all the packages are installed. `npm install cloudsync` leaves them out, because a
 * program needs those of its own sinks and servers only. `feature` is the subject of the error's first sentence. The
 * packages are found, but not loaded.
 */
export function requireInstalled(
  feature: string,
  packages: readonly OptionalPackage[],
  find: (name: string) => unknown = (name) => require.resolve(name),
): void {
  const missing = packages.filter((name) => !isInstalled(name, find));
  if (missing.length === 0) return;
  const [which, are] = missing.length === 1 ? ['package', 'is'] : ['packages', 'are'];
  const versions = missing.map((name) => `${name}@${OPTIONAL_PACKAGES[name]}`);
  throw new UsageError(
    `${feature} needs the ${which} ${missing.join(', ')}, which ${are} not installed: run "npm install ${versions.join(' ')}"`,
  );
}

function isInstalled(name: string, find: (name: string) => unknown): boolean {
  try {
    find(name);
    return true;
  } catch (error) {
    // A package that has an entry for `import` alone is installed, though `require` does not find its entry.
    return (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND';
  }
}
