import { Tracing } from '../../src/telemetry/tracing';
import { traceparent } from '../support/spans';

/** A program of one's own that registers no SDK. */
test('without an SDK nothing is made, and the trace passes through', async () => {
  const tracing = new Tracing();
  expect(tracing.send('t', undefined).trace).toBeUndefined();
  const parent = { traceparent: traceparent('b'.repeat(16)) };
  const span = tracing.send('t', parent);
  expect(span.trace).toEqual(parent);
  await expect(span.around(() => Promise.resolve(1))).resolves.toBe(1);
});
