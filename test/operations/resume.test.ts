import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { heldBack, resumeStream, type HeldBack } from '../../src/operations/resume';
import { testStream } from '../domain/support/records';

const stream = testStream();

const braked: HeldBack = { stream, paused: false, braked: true };

/** A server on which the brake has ended, or ends on the signal. */
function clientWith(brake: { runs: boolean }, signal: () => Promise<void>): Client {
  return {
    connection: { withDeadline: (_: number, call: () => unknown) => call() },
    workflow: {
      getHandle: (workflowId: string) => ({
        describe: () =>
          brake.runs
            ? Promise.resolve({ status: { name: 'RUNNING' }, type: 'brakeStream', memo: {} })
            : Promise.reject(new WorkflowNotFoundError('none', workflowId, undefined)),
        signal,
      }),
    },
  } as unknown as Client;
}

test('resumeStream returns resumed if a delivery ends the brake at the same time', async () => {
  const brake = { runs: true };
  const client = clientWith(brake, () => {
    brake.runs = false;
    return Promise.reject(new WorkflowNotFoundError('already completed', 'test-brake', undefined));
  });
  expect(await heldBack(client, [stream])).toEqual([braked]);
  expect(await resumeStream(client, braked, 'me@here')).toBe('resumed');
});

test('resumeStream returns signalled if no worker handles the signal', async () => {
  const client = clientWith({ runs: true }, () => Promise.resolve());
  expect(await resumeStream(client, braked, 'me@here', 1)).toBe('signalled');
});

test('resumeStream fails if the server does not answer', async () => {
  const client = clientWith({ runs: true }, () => Promise.reject(new Error('away')));
  await expect(resumeStream(client, braked, 'me@here')).rejects.toThrow('away');
});
