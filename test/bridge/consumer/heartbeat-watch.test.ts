import { HeartbeatWatch } from '../../../src/bridge/consumer/heartbeat-watch';

const LIMIT_MS = 60_000;
const JOIN_MS = 60_000;

let watch: HeartbeatWatch;
beforeEach(() => {
  jest.useFakeTimers();
  watch = new HeartbeatWatch(LIMIT_MS, JOIN_MS);
});
afterEach(() => jest.useRealTimers());

/** Kafka answers every five seconds; tells the watch that is too long at the end, if it is. */
function answers(seconds: number, joining = false): number | undefined {
  for (let i = 0; i < seconds; i += 5) {
    jest.advanceTimersByTime(5_000);
    watch.kafkaAnswered();
  }
  return watch.tooLong(joining);
}

test('a consumer that is not heard of while Kafka answers is silent, a joining one later', () => {
  watch.heard();
  expect(answers(60)).toBeUndefined();
  expect(answers(5, true)).toBeUndefined();
  expect(answers(5)).toBeGreaterThan(LIMIT_MS);
  expect(answers(60, true)).toBeGreaterThan(LIMIT_MS + JOIN_MS);
  watch.heard();
  expect(answers(5)).toBeUndefined();
});

test('the time in which Kafka was away does not count', () => {
  answers(50);
  watch.kafkaIsAway();
  expect(watch.tooLong(false)).toBeUndefined();
  expect(answers(60)).toBeUndefined();
  expect(answers(10)).toBeGreaterThan(LIMIT_MS);
});

test('nor does a time in which nobody was asked: the process itself stood still', () => {
  answers(10);
  jest.advanceTimersByTime(10 * LIMIT_MS);
  expect(answers(5)).toBeUndefined();
  expect(answers(70)).toBeGreaterThan(LIMIT_MS);
});
