import { HeartbeatWatch } from '../../../src/bridge/consumer/heartbeat-watch';

const LIMIT_MS = 60_000;
const JOIN_MS = 60_000;

let watch: HeartbeatWatch;
beforeEach(() => {
  jest.useFakeTimers();
  watch = new HeartbeatWatch(LIMIT_MS, JOIN_MS);
});
afterEach(() => jest.useRealTimers());

/** Lets Kafka answer every five seconds. Returns the length of the consumer's silence at the end if it is too long. */
function answers(seconds: number, joining = false): number | undefined {
  for (let i = 0; i < seconds; i += 5) {
    jest.advanceTimersByTime(5_000);
    watch.kafkaAnswered();
  }
  return watch.tooLong(joining);
}

test('a consumer is silent if no heartbeat comes while Kafka answers, and a joining consumer only later', () => {
  watch.heard();
  expect(answers(60)).toBeUndefined();
  expect(answers(5, true)).toBeUndefined();
  expect(answers(5)).toBeGreaterThan(LIMIT_MS);
  expect(answers(60, true)).toBeGreaterThan(LIMIT_MS + JOIN_MS);
  watch.heard();
  expect(answers(5)).toBeUndefined();
});

test('the time in which Kafka is not reachable does not count as silence', () => {
  answers(50);
  watch.kafkaIsAway();
  expect(watch.tooLong(false)).toBeUndefined();
  expect(answers(60)).toBeUndefined();
  expect(answers(10)).toBeGreaterThan(LIMIT_MS);
});

test('the time in which the process itself stands still does not count as silence', () => {
  answers(10);
  jest.advanceTimersByTime(10 * LIMIT_MS);
  expect(answers(5)).toBeUndefined();
  expect(answers(70)).toBeGreaterThan(LIMIT_MS);
});
