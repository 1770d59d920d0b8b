import type { Client } from '@temporalio/client';
import { defaultDataConverter } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time';
import { slowWorkflows } from '../../src/temporal/open-workflows';
import { testStream } from '../domain/support/records';

const YEARS: Record<string, string> = { first: '2024', second: '2025', third: '2026' };
const startOf = (workflowId: string) => new Date(`${YEARS[workflowId]}-01-01T00:00:00Z`);

/** A client of a namespace in which each of these workflows is stuck. */
function clientOf(workflowIds: string[]): Client {
  const executions = workflowIds.map((workflowId) => ({
    execution: { workflowId, runId: 'run' },
    startTime: msToTs(startOf(workflowId).getTime()),
  }));
  const describe = (workflowId: string) => ({
    ...{ workflowId, runId: 'run', status: { name: 'RUNNING' }, startTime: startOf(workflowId) },
    raw: { pendingWorkflowTask: { attempt: 5 } },
  });
  return {
    options: { namespace: 'default', loadedDataConverter: defaultDataConverter },
    workflow: {
      getHandle: (workflowId: string) => ({
        describe: () => Promise.resolve(describe(workflowId)),
      }),
    },
    workflowService: {
      listWorkflowExecutions: () => Promise.resolve({ executions }),
      getWorkflowExecutionHistoryReverse: () => Promise.resolve({}),
    },
  } as unknown as Client;
}

test('a stuck workflow that was known before is not taken for the oldest', async () => {
  const client = clientOf(['third', 'first', 'second']);
  const known = ['third'];
  expect(await slowWorkflows(client, testStream(), { limit: 2, known })).toMatchObject({
    ...{ count: 3, lookedAt: 2, since: startOf('first').toISOString() },
    stuck: { since: startOf('first').toISOString(), workflowIds: ['first', 'third'] },
  });
});
