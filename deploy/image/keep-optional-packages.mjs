/**
 * Moves the optional peer dependencies of package.json from `devDependencies` to `dependencies`. The image runs every sink
 * and server, and `npm prune --omit=dev` would remove their packages. The lock file pins them and what they depend on.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'package.json';
const manifest = JSON.parse(readFileSync(FILE, 'utf8'));
for (const name of Object.keys(manifest.peerDependenciesMeta)) {
  manifest.dependencies[name] = manifest.devDependencies[name];
  delete manifest.devDependencies[name];
}
writeFileSync(FILE, JSON.stringify(manifest, undefined, 2));
