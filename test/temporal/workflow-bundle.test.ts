import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFrameworkWorkflows, workflowBundle } from '../../src/temporal/workflow-bundle';

const fixture = (name: string) => join(__dirname, '..', 'workflows', 'fixtures', name);

/** Making a bundle takes one to three seconds. */
jest.setTimeout(60_000);

test("the bundle of the framework's workflows does not contain zod", async () => {
  const { code } = await bundleFrameworkWorkflows();
  for (const name of ['deliverRecord', 'invalidRecord', 'closed', 'firstTaskOver']) {
    expect(code).toContain(name);
  }
  // Zod would add a megabyte, and time to every workflow. So workflows import only types of files that use it.
  expect(code).not.toContain('ZodError');
});

test('failures are encoded if payloads are', async () => {
  const encodes = 'encodeCommonAttributes: true';
  expect((await bundleFrameworkWorkflows()).code).not.toContain(encodes);
  expect((await bundleFrameworkWorkflows({ encoded: true })).code).toContain(encodes);
});

describe("a user's own workflows", () => {
  const own = { type: 'enrichAndDeliver', workflowsPath: fixture('own-workflows.ts') };

  test("are in one bundle with the framework's", async () => {
    const bundle = await workflowBundle(own);
    expect(bundle).toHaveProperty('code');
    const { code } = bundle as { code: string };
    for (const name of ['enrichAndDeliver', 'deliverRecord', 'invalidRecord', 'firstTaskOver']) {
      expect(code).toContain(name);
    }
  });

  test("run on CloudSync's copy of @temporalio/workflow, also if their project has another one", async () => {
    const project = await mkdtemp(join(tmpdir(), 'cloudsync-project-'));
    try {
      const copy = join(project, 'node_modules', '@temporalio', 'workflow');
      await mkdir(copy, { recursive: true });
      await writeFile(join(copy, 'index.js'), "exports.sleep = () => 'ANOTHER COPY';\n");
      const workflowsPath = join(project, 'workflows.js');
      await writeFile(
        workflowsPath,
        "const { sleep } = require('@temporalio/workflow');\nexports.naps = () => sleep(1);\n",
      );
      const { code } = (await workflowBundle({ type: 'naps', workflowsPath })) as { code: string };
      expect(code).toContain('naps');
      expect(code).not.toContain('ANOTHER COPY');
    } finally {
      await rm(project, { recursive: true });
    }
  });

  test('are bundled once for all streams that use them', () => {
    expect(workflowBundle({ ...own, type: 'other' })).toBe(workflowBundle(own));
    expect(workflowBundle(own, { encoded: true })).not.toBe(workflowBundle(own));
  });

  test('are refused if they need a module of Node', async () => {
    const bundle = workflowBundle({
      type: 'readsFile',
      workflowsPath: fixture('with-node-module.ts'),
    });
    await expect(bundle).rejects.toThrow();
  });

  test('are refused if their file does not exist', async () => {
    const bundle = workflowBundle({ type: 'x', workflowsPath: fixture('absent.ts') });
    await expect(bundle).rejects.toThrow();
  });
});
