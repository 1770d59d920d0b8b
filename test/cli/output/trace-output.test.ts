import { describeTrace, isKnown } from '../../../src/cli/output/trace-output';
import { letter as letterOf, type LetterOptions } from '../../operations/support/letters';

const letter = (options: LetterOptions = {}) => ({ ...letterOf(options), otherLog: false });

const hostile = 'x\u001b[2J\n\u009b31m"';

test('describeTrace lists the events in order of time, without control characters', () => {
  const text = describeTrace({
    messageId: hostile,
    record: null,
    streams: [
      {
        name: 'test',
        verdict: 'dead-lettered',
        records: [
          {
            ...{ topic: 'topic', partition: 0, offset: 7, timestamp: '2026-01-01T00:00:00.000Z' },
            ...{ replays: 1, replayOf: hostile, verdict: 'dead-lettered' },
          },
        ],
        runs: [
          {
            ...{ workflowId: hostile, runId: 'r', type: 'deliverRecord', status: 'Failed' },
            ...{ startedAt: '2026-01-01T00:00:01.000Z', closedAt: '2026-01-01T00:00:02.000Z' },
            ...{ topic: 'topic', partition: 0, offset: 7, outcome: null, attempts: 3 },
            ...{ otherLog: false, stuck: false, errorType: 'Permanent', errorMessage: hostile },
          },
        ],
        sinkObject: {
          ...{ location: hostile, bytes: 3, writtenAt: new Date('2026-01-03T00:00:00Z') },
          writtenBy: { topic: 'topic', partition: 0, offset: 1 },
        },
        deadLetters: [letter({ failedAt: '2026-01-01T00:00:01.500Z' })],
        notLookedAt: [hostile],
      },
    ],
  });
  // eslint-disable-next-line no-control-regex
  expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  const lines = text.split('\n');
  expect(lines[0]).toMatch(/^message x/);
  expect(lines).toContain('stream test: dead-lettered');
  const what = lines.flatMap((line) => /^2026-\S+ {2}(.+?) {2}/.exec(line)?.[1] ?? []);
  expect(what).toEqual([
    ...['record', 'deliverRecord started', 'dead letter', 'deliverRecord Failed'],
    'object at the sink',
  ]);
  expect(text).toContain('3 attempts');
  expect(text).toContain('3 bytes, written by topic/0@1');
  expect(lines.at(-1)).toMatch(/^not looked at: x/);
});

test('describeTrace shows only the verdict of a stream that knows nothing of the record', () => {
  const none = { records: [], runs: [], sinkObject: null, deadLetters: [], notLookedAt: [] };
  const record = { topic: 'topic', partition: 0, offset: 7 };
  const streams = [{ name: 'test', verdict: 'unknown' as const, ...none }];
  expect(describeTrace({ messageId: null, record, streams })).toBe(
    'record topic/0@7\n\nstream test: unknown',
  );
});

test('describeTrace lists a record without a timestamp first, and isKnown counts it as found', () => {
  const none = { runs: [], sinkObject: null, notLookedAt: [] };
  const record = { topic: 'topic', partition: 0, offset: 7 };
  const traced = { ...record, timestamp: null, replays: 0, replayOf: null };
  const stream = {
    ...{ name: 'test', verdict: 'dead-lettered' as const, ...none, deadLetters: [letter()] },
    records: [{ ...traced, verdict: 'dead-lettered' as const }],
  };
  expect(isKnown({ ...stream, deadLetters: [] })).toBe(true);
  const text = describeTrace({ messageId: null, record, streams: [stream] });
  const times = text
    .split('\n')
    .flatMap((line) => /^(\S.+?) {2,}(record|dead)/.exec(line)?.[1] ?? []);
  expect(times).toEqual(['no timestamp', '2026-01-02T00:00:00.000Z']);
});

test("describeTrace prints no control characters of a topic's name", () => {
  const record = { topic: hostile, partition: 0, offset: 7 };
  const text = describeTrace({ messageId: null, record, streams: [] });
  // eslint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
});

test('describeTrace names the streams that know nothing in one line when another stream knows the message', () => {
  const none = { records: [], runs: [], sinkObject: null, deadLetters: [], notLookedAt: ['x'] };
  const other = (name: string) => ({ name, verdict: 'unknown' as const, ...none });
  const known = { ...other('test'), verdict: 'dead-lettered' as const, deadLetters: [letter()] };
  const streams = [other('a'), known, other('b')];
  const text = describeTrace({ messageId: '42', record: null, streams });
  expect(text).not.toContain('unknown');
  expect(text).toMatch(/^message 42\n\nstream test: dead-lettered\n[^]*\n\nnothing known in a, b$/);
});

test('describeTrace marks runs and letters that belong to another log', () => {
  const place = { topic: 'topic', partition: 0, offset: 7 };
  const run = {
    ...{ workflowId: 'w', runId: 'r', type: 'deliverRecord', status: 'Completed', ...place },
    ...{ startedAt: '2026-01-01T00:00:01.000Z', closedAt: '2026-01-01T00:00:02.000Z' },
    ...{ outcome: 'delivered', attempts: 1, stuck: false, errorType: null, errorMessage: null },
  };
  const streams = [
    {
      ...{ name: 'test', verdict: 'unknown' as const, records: [], sinkObject: null },
      runs: [{ ...run, otherLog: true }],
      deadLetters: [{ ...letter(), otherLog: true }, letter()],
      notLookedAt: [],
    },
  ];
  const lines = describeTrace({ messageId: null, record: place, streams }).split('\n');
  const other = lines.filter((line) => line.endsWith('of another log of this topic'));
  expect(other).toHaveLength(3);
});
