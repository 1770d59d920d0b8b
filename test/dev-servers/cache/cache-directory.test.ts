import { homedir } from 'node:os';
import { join } from 'node:path';
import { userCacheDirectory } from '../../../src/dev-servers/cache/cache-directory';

test.each([
  [{ XDG_CACHE_HOME: '/cache' }, 'linux', '/cache/cloudsync'],
  [{ XDG_CACHE_HOME: 'relative' }, 'linux', join(homedir(), '.cache/cloudsync')],
  [{}, 'linux', join(homedir(), '.cache/cloudsync')],
  [{}, 'darwin', join(homedir(), 'Library/Caches/cloudsync')],
] as const)('cache directory for %j on %s', (env, platform, expected) => {
  expect(userCacheDirectory(env, platform)).toBe(expected);
});
