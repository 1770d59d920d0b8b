import { Tracing } from '../../src/telemetry/tracing';
import { traceparent } from '../support/spans';

/** A user's program that registers no SDK. */
test('without an SDK there are no spans, and the trace is passed through', async () => {
  const tracing = new Tracing();
  expect(tracing.send('t', undefined).trace).toBeUndefined();
  const parent = { traceparent: traceparent('b'.repeat(16)) };
  const span = tracing.send('t', parent);
  expect(span.trace).toEqual(parent);
  await expect(span.around(() => Promise.resolve(1))).resolves.toBe(1);
});
