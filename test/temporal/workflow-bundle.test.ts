import { join } from 'node:path';
import { bundleFrameworkWorkflows, workflowBundle } from '../../src/temporal/workflow-bundle';

const fixture = (name: string) => join(__dirname, '..', 'workflows', 'fixtures', name);

/** A bundle is made in one to three seconds. */
jest.setTimeout(60_000);

test("the framework's workflows make a bundle without zod", async () => {
  const { code } = await bundleFrameworkWorkflows();
  for (const name of ['deliverRecord', 'invalidRecord', 'closed', 'firstTaskOver']) {
    expect(code).toContain(name);
  }
  // It would add a megabyte, and time to every workflow: what workflows import are types.
  expect(code).not.toContain('ZodError');
});

test('where payloads are encoded, failures are as well', async () => {
  const encodes = 'encodeCommonAttributes: true';
  expect((await bundleFrameworkWorkflows()).code).not.toContain(encodes);
  expect((await bundleFrameworkWorkflows({ encoded: true })).code).toContain(encodes);
});

describe("a user's own workflows", () => {
  const own = { type: 'enrichAndDeliver', workflowsPath: fixture('own-workflows.ts') };

  test("make one bundle with the framework's", async () => {
    const bundle = await workflowBundle(own);
    expect(bundle).toHaveProperty('code');
    const { code } = bundle as { code: string };
    for (const name of ['enrichAndDeliver', 'deliverRecord', 'invalidRecord', 'firstTaskOver']) {
      expect(code).toContain(name);
    }
  });

  test('are bundled once for all streams that use them', () => {
    expect(workflowBundle({ ...own, type: 'other' })).toBe(workflowBundle(own));
    expect(workflowBundle(own, { encoded: true })).not.toBe(workflowBundle(own));
  });

  test('that need a module of Node are refused', async () => {
    const bundle = workflowBundle({
      type: 'readsFile',
      workflowsPath: fixture('with-node-module.ts'),
    });
    await expect(bundle).rejects.toThrow();
  });

  test('that are not there are refused', async () => {
    const bundle = workflowBundle({ type: 'x', workflowsPath: fixture('absent.ts') });
    await expect(bundle).rejects.toThrow();
  });
});
