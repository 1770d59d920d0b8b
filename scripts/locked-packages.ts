import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A package of package-lock.json. `os`, `cpu` and `libc` name the platform that it is built for. */
export interface LockedPackage {
  version: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  os?: string[];
  cpu?: string[];
  libc?: string[];
}

type Lock = Record<string, LockedPackage>;

function readLock(root: string): Lock {
  const text = readFileSync(join(root, 'package-lock.json'), 'utf8');
  return (JSON.parse(text) as { packages: Lock }).packages;
}

/**
 * The packages that `npm install cloudsync` installs, and those that a user adds for a sink, a server or tracing: the
 * optional peer dependencies with what they depend on. Both have their path in package-lock.json as the key.
 */
export function productionPackages(root: string) {
  const lock = readLock(root);
  const { dependencies, peerDependencies, peerDependenciesMeta = {} } = lock['']!;
  const isOptional = (name: string) => name in peerDependenciesMeta;
  const names = Object.keys({ ...dependencies, ...peerDependencies });
  const required = reachedFrom(
    lock,
    names.filter((name) => !isOptional(name)),
  );
  const all = reachedFrom(lock, names, { optionalPeers: true });
  const optional = new Map([...all].filter(([path]) => !required.has(path)));
  return { required, optional };
}

/**
 * The packages of these names at the top of the tree, and all that they depend on. npm keeps the optional peers of a
 * package if they are installed for another reason.
 */
function reachedFrom(
  lock: Lock,
  names: string[],
  { optionalPeers = false } = {},
): Map<string, LockedPackage> {
  const found = new Map<string, LockedPackage>();
  const visit = (path: string | undefined) => {
    if (path === undefined || found.has(path)) return;
    const locked = lock[path]!;
    found.set(path, locked);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = locked;
    const peers = Object.keys({ ...peerDependencies });
    const needed = [
      ...Object.keys({ ...dependencies, ...optionalDependencies }),
      ...peers.filter((peer) => optionalPeers || !peerDependenciesMeta?.[peer]?.optional),
    ];
    for (const name of needed) visit(resolve(lock, path, name));
  };
  for (const name of names) visit(resolve(lock, '', name));
  return found;
}

/** Where Node finds a package that another one requires; undefined if it is not installed. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  const path = `${from && `${from}/`}node_modules/${name}`;
  if (path in lock) return path;
  if (from === '') return undefined;
  return resolve(lock, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))), name);
}
