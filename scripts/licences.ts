import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { productionPackages, type LockedPackage } from './locked-packages';

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

/** The licences of packages, by name. */
export type Licences = Map<string, string>;

/** The licence of every package that is installed with this one, and of every one that its optional packages bring. */
export function productionLicences(root = ROOT): { required: Licences; optional: Licences } {
  const { required, optional } = productionPackages(root);
  const known = licencesOf(required, root);
  const further = [...licencesOf(optional, root)].filter(([name]) => !known.has(name));
  return { required: known, optional: new Map(further) };
}

/**
 * Builds of a package for one platform are skipped: they are parts of the package, under its licence, and each machine
 * installs other builds.
 */
function licencesOf(packages: Map<string, LockedPackage>, root: string): Licences {
  const found = new Map<string, Set<string>>();
  for (const [path, { os }] of packages) {
    if (os) continue;
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
export function licencesPage({
  required,
  optional,
}: ReturnType<typeof productionLicences>): string {
  const rows = (licences: Licences) =>
    [...licences].map(([name, licence]) => `- \`${name}\`: ${licence}`).join('\n');
  return `# Licences

\`npm run licences\` makes this page. Only these licences are let in: ${ALLOWED.join(', ')}.

## Installed with CloudSync

${rows(required)}

## Optional packages

A program adds these for S3, Azure Blob Storage, the HTTP producer, the operator page, the codec server or tracing. The image has them all.

${rows(optional)}
`;
}

if (require.main === module) writeFileSync(LICENCES_FILE, licencesPage(productionLicences()));
