import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFrameworkWorkflows } from '../workflow-bundle';

/** Part of `npm run build`: the bundle that workers load at start. */
async function main(): Promise<void> {
  const { code } = await bundleFrameworkWorkflows();
  await writeFile(join(__dirname, '..', 'workflows.bundle.js'), code);
}

void main();
