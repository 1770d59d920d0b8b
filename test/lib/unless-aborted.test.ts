import { getEventListeners } from 'node:events';
import { unlessAborted } from '../../src/lib/unless-aborted';

const never = new Promise<never>(() => undefined);

test('gives the value, the error, or nothing when the signal comes first', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(Promise.resolve(undefined), signal)).toEqual({ value: undefined });
  await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  const stop = new AbortController();
  const waiting = unlessAborted(never, stop.signal);
  stop.abort();
  expect(await waiting).toBeUndefined();
  expect(await unlessAborted(never, stop.signal)).toBeUndefined();
});

test('leaves no listener, however often it is called', async () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 20; i++) await unlessAborted(Promise.resolve(i), signal);
  await unlessAborted(Promise.reject(new Error('no')), signal).catch(() => undefined);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
