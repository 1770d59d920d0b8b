import { errorMessage, UsageError } from './errors';

/** Packages whose native part is a package of its own for each platform, which a package manager may leave out. */
const NATIVE = ['@node-rs/crc32', '@node-rs/xxhash', 'snappy'];

/**
 * Throws a {@link UsageError} that says what to do, if the package manager has left something out, or has installed what does
 * not fit together. Without it, the first module that needs the part would throw an error that names neither cause nor remedy.
 * `load` is `require`; all that it loads is needed anyway.
 */
export function requireWholeInstallation(load: (name: string) => unknown = require): void {
  requireZod4(load);
  for (const name of NATIVE) attempt(() => load(name), nativePartMissing(name));
  attempt(
    () => load('@temporalio/worker'),
    (reason) => temporalFault(reason, load),
  );
}

function requireZod4(load: (name: string) => unknown): void {
  const remedy = 'run "npm install zod@4"';
  const zod = attempt(
    () => load('zod'),
    (reason) => `CloudSync needs zod 4, which can't be loaded: ${reason}; ${remedy}`,
  );
  // An older version gets here if the package manager was told to ignore peer dependencies.
  const { z } = zod as { z: object };
  if (!('iso' in z)) {
    throw new UsageError(`CloudSync needs zod 4, but an older version is installed: ${remedy}`);
  }
}

function nativePartMissing(name: string): (reason: string) => string {
  return () =>
    `the native part of ${name} can't be loaded: an installation with --omit=optional, or made on another platform, lacks it; remove node_modules and run "npm install --include=optional"`;
}

function temporalFault(reason: string, load: (name: string) => unknown): string {
  if (reason.startsWith('duplicate name')) {
    const { version } = load('@temporalio/worker/package.json') as { version: string };
    return `Temporal's SDK can't be loaded, as there is more than one copy of it (${reason}): "npm ls @temporalio/proto" shows what brings another version; give all packages of @temporalio in package.json the version ${version}, and install again`;
  }
  if (/ld-linux|relocating|symbol not found/i.test(reason)) {
    return `Temporal's SDK can't be loaded: ${reason}; it needs glibc, which Alpine lacks: take an image of Debian, such as node:22-slim`;
  }
  return `Temporal's SDK can't be loaded: ${reason}; remove node_modules and install again`;
}

function attempt<T>(load: () => T, explain: (reason: string) => string): T {
  try {
    return load();
  } catch (error) {
    const [reason = ''] = errorMessage(error).split('\n');
    throw new UsageError(explain(reason), { cause: error });
  }
}
