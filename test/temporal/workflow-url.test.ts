import { workflowUrl } from '../../src/temporal/workflow-url';

test('workflowUrl encodes each part of the link', () => {
  const run = { workflowId: 'a/b?c', runId: 'r' };
  expect(workflowUrl('http://ui', 'name space', run)).toBe(
    'http://ui/namespaces/name%20space/workflows/a%2Fb%3Fc/r/history',
  );
});
