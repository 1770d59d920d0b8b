import { getEventListeners } from 'node:events';
import { withinTime } from '../../src/sinks/within-time';

const never = () => new Promise<never>(() => undefined);

test("withinTime returns the request's result, and leaves no listener on the signal", async () => {
  const { signal } = new AbortController();
  await expect(withinTime(10_000, signal, () => Promise.resolve(1))).resolves.toBe(1);
  await expect(withinTime(10_000, signal, () => Promise.reject(new Error('no')))).rejects.toThrow(
    'no',
  );
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('withinTime ends a request that takes too long, and aborts its signal', async () => {
  let told: AbortSignal | undefined;
  const request = withinTime(10, undefined, (signal) => {
    told = signal;
    return never();
  });
  await expect(request).rejects.toMatchObject({
    type: 'Transient',
    message: 'no answer within 10 ms',
  });
  expect(told?.aborted).toBe(true);
});

test("withinTime ends with the reason of the caller's signal, even if the request ignores its signal", async () => {
  const controller = new AbortController();
  const request = withinTime(10_000, controller.signal, never);
  controller.abort(new Error('shutting down'));
  await expect(request).rejects.toThrow('shutting down');
  const begun = jest.fn(never);
  await expect(withinTime(10_000, controller.signal, begun)).rejects.toThrow('shutting down');
  expect(begun).not.toHaveBeenCalled();
});

test('withinTime ignores a request that fails after its time', async () => {
  const request = withinTime(
    10,
    undefined,
    (signal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => setImmediate(() => reject(new Error('late'))));
      }),
  );
  await expect(request).rejects.toThrow('10 ms');
  await new Promise((resolve) => setTimeout(resolve, 20));
});
