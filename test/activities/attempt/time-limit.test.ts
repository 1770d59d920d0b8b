import { MockActivityEnvironment } from '@temporalio/testing';
import { withTimeLimit } from '../../../src/activities/attempt/time-limit';

test('past the limit its own error comes, also from a use that minds the signal', async () => {
  const late = new Error('late');
  const use = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  const environment = new MockActivityEnvironment();
  await expect(environment.run(() => withTimeLimit(1, use, () => late))).rejects.toBe(late);
});
