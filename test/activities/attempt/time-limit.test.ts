import { MockActivityEnvironment } from '@temporalio/testing';
import { withTimeLimit } from '../../../src/activities/attempt/time-limit';

test('withTimeLimit rejects with its own error past the limit, even if the function rejects when it is aborted', async () => {
  const late = new Error('late');
  const use = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  const environment = new MockActivityEnvironment();
  await expect(environment.run(() => withTimeLimit(1, use, () => late))).rejects.toBe(late);
});
