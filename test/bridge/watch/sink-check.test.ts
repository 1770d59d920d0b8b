import { SinkCheck } from '../../../src/bridge/watch/sink-check';
import { testStream } from '../../domain/support/records';
import { keepingLogger } from '../support/fakes';

/** Creates the check of a stream whose sink gives these answers, one for each call. */
function create(...answers: (() => Promise<void>)[]) {
  let asked = 0;
  const check = () => answers[asked++]!();
  const { name, sink } = testStream();
  const stream = { name, sink: { ...sink, check } };
  return { check: new SinkCheck(stream, keepingLogger().logger, 50), asked: () => asked };
}
const hang = () => new Promise<void>(() => undefined);
const pass = () => Promise.resolve();

test('a sink check that hangs is given up and repeated', async () => {
  const { check, asked } = create(hang, pass);
  const passed = check.passed(new AbortController().signal);
  await check.held;
  expect(check.fault()).toBe('no answer within 50 ms');
  await passed;
  expect(asked()).toBe(2);
  expect(check.fault()).toBeUndefined();
});

test('a sink check that hangs is aborted when the bridge stops', async () => {
  const { check } = create(hang);
  const stopping = new AbortController();
  const passed = check.passed(stopping.signal);
  stopping.abort();
  await expect(passed).rejects.toThrow('abort');
});
