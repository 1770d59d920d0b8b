import { writeFile } from 'node:fs/promises';
import { bundleFrameworkWorkflows, prebuilt } from './workflow-bundle';

/** Part of `npm run build`: makes the bundles that workers load at start. */
async function main(): Promise<void> {
  for (const kind of [{ encoded: false }, { encoded: true }]) {
    const { code } = await bundleFrameworkWorkflows(kind);
    await writeFile(prebuilt(kind), code);
  }
}

void main();
