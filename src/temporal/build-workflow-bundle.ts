import { writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { bundleFrameworkWorkflows, prebuilt } from './workflow-bundle';

/** Part of `npm run build`: makes the bundles that workers load at start. */
async function main(): Promise<void> {
  for (const kind of [{ encoded: false }, { encoded: true }]) {
    const { code } = await bundleFrameworkWorkflows(kind);
    await writeFile(prebuilt(kind), withoutRoot(code));
  }
}

/**
 * Makes the paths of the bundle's inline source map relative to the package. Otherwise the stack traces in Temporal would
 * name folders of the machine that has built the package.
 */
function withoutRoot(code: string): string {
  const root = `${join(__dirname, '..', '..')}${sep}`;
  return code.replace(
    /(sourceMappingURL=data:[^,]+;base64,)([\w+/=]+)/,
    (_, start: string, map: string) => {
      const text = Buffer.from(map, 'base64').toString().replaceAll(root, '');
      return `${start}${Buffer.from(text).toString('base64')}`;
    },
  );
}

void main();
