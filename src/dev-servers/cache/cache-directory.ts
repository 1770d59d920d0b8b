import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * The folder for server binaries, which checkouts share. A relative XDG_CACHE_HOME is ignored, as the XDG
 * specification asks.
 */
export function userCacheDirectory(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): string {
  const xdg = env.XDG_CACHE_HOME;
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'cloudsync');
  const home = homedir();
  return platform === 'darwin'
    ? join(home, 'Library', 'Caches', 'cloudsync')
    : join(home, '.cache', 'cloudsync');
}
