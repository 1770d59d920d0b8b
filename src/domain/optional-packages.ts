import { UsageError } from './errors';

/**
 * Throws a {@link UsageError} unless all the packages are installed. They are optional peer dependencies: `npm install
 * cloudsync` leaves them out, because a program needs those of its own sinks and servers only. `feature` is the subject of
 * the error's first sentence. The packages are found, but not loaded.
 */
export function requireInstalled(feature: string, packages: readonly string[]): void {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const [which, are] = missing.length === 1 ? ['package', 'is'] : ['packages', 'are'];
  throw new UsageError(
    `${feature} needs the ${which} ${missing.join(', ')}, which ${are} not installed: run "npm install ${missing.join(' ')}"`,
  );
}

function isInstalled(name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch (error) {
    // A package that has an entry for `import` alone is installed, though `require` does not find its entry.
    return (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND';
  }
}
