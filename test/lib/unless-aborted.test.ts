import { getEventListeners } from 'node:events';
import { unlessAborted } from '../../src/lib/unless-aborted';

const never = new Promise<never>(() => undefined);

test('unlessAborted gives the value or the error, or undefined when the signal aborts first', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(Promise.resolve(undefined), signal)).toEqual({ value: undefined });
  await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  const stop = new AbortController();
  const waiting = unlessAborted(never, stop.signal);
  stop.abort();
  expect(await waiting).toBeUndefined();
  expect(await unlessAborted(never, stop.signal)).toBeUndefined();
});

test('unlessAborted leaves no listener on the signal', async () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 20; i++) await unlessAborted(Promise.resolve(i), signal);
  await unlessAborted(Promise.reject(new Error('no')), signal).catch(() => undefined);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
