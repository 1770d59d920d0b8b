import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');
export const LICENCES_FILE = join(ROOT, 'docs', 'reference', 'licences.md');

/** Licences that require only that they are named and that notices are kept. */
export const ALLOWED = [
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'],
  // Unlicense is public domain. CC-BY-4.0, of the data of caniuse-lite, requires attribution.
  ...['Unlicense', 'CC-BY-4.0'],
];

/** The licence by the file LICENSE, for packages whose package.json names none. */
const IN_LICENSE_FILE: Record<string, string> = { unionfs: 'Unlicense' };

interface LockedPackage {
  dev?: boolean;
  optional?: boolean;
  os?: string[];
}

/**
 * The licence of every package that is installed with this one, by name. Builds of a package for one platform
 * are skipped: they are parts of the package, under its licence, and each machine installs other builds.
 */
export function productionLicences(root = ROOT): Map<string, string> {
  const { packages } = read(join(root, 'package-lock.json')) as {
    packages: Record<string, LockedPackage>;
  };
  const found = new Map<string, Set<string>>();
  for (const [path, { dev, optional, os }] of Object.entries(packages)) {
    if (path === '' || dev || (optional && os)) continue;
    const name = path.split('node_modules/').at(-1)!;
    const licences = found.get(name) ?? new Set();
    found.set(name, licences.add(licenceOf(name, join(root, path))));
  }
  return new Map(
    [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, all]) => [name, [...all].join(', ')]),
  );
}

function licenceOf(name: string, folder: string): string {
  const { license } = read(join(folder, 'package.json')) as { license?: string | { type: string } };
  return (typeof license === 'object' ? license.type : license) ?? IN_LICENSE_FILE[name] ?? 'none';
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** The page, without versions, so that it changes only when packages come and go. */
export function licencesPage(licences: Map<string, string>): string {
  const rows = [...licences].map(([name, licence]) => `- \`${name}\`: ${licence}`);
  return `# Licences

Of every package that is installed with this one, made by \`npm run licences\`. Only these licences are let in:
${ALLOWED.join(', ')}.

${rows.join('\n')}
`;
}

if (require.main === module) writeFileSync(LICENCES_FILE, licencesPage(productionLicences()));
