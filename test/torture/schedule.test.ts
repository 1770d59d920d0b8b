import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventLog, readRun } from './event-log';
import { MessageSource } from './messages';
import { DEFAULTS } from './options';
import { Random } from './random';
import { generateSchedule } from './schedule';

const options = { ...DEFAULTS, seed: 7, minutes: 10 };

test('the same seed makes the same schedule, and another seed makes another one', () => {
  expect(generateSchedule(options)).toEqual(generateSchedule({ ...options }));
  expect(generateSchedule(options)).not.toEqual(generateSchedule({ ...options, seed: 8 }));
});

test.each(['file', 's3', 'blob'] as const)(
  'the schedule has every kind of fault, with sink %s',
  (sink) => {
    const kinds = new Set(generateSchedule({ ...options, sink, minutes: 3 }).map(kindOf));
    expect([...kinds].sort()).toEqual([
      ...['dead-letters', 'freeze', 'kill', 'network', 'sink', 'stop'],
    ]);
  },
);

const kindOf = ({ fault }: ReturnType<typeof generateSchedule>[number]) => fault.kind;

test('no fault outlasts the run, and faults of one place do not overlap', () => {
  const endOf = new Map<string, number>();
  for (const { at, for: length, fault } of generateSchedule(options)) {
    expect(at + length).toBeLessThanOrEqual(options.minutes * 60_000);
    const place = JSON.stringify('to' in fault ? [fault.target, fault.to] : targetOf(fault));
    expect(at).toBeGreaterThan(endOf.get(place) ?? 0);
    endOf.set(place, at + length);
  }
});

function targetOf(fault: { kind: string; target?: string }): string {
  return fault.kind === 'dead-letters' ? 'kafka' : (fault.target ?? fault.kind);
}

test('the same seed makes the same messages', () => {
  const messages = (seed: number) => {
    const source = new MessageSource(new Random(seed), 6);
    return Array.from({ length: 500 }, () => source.next());
  };
  expect(messages(3)).toEqual(messages(3));
  expect(messages(3)).not.toEqual(messages(4));
  expect(new Set(messages(3).map(({ kind }) => kind)).size).toBe(5);
});

test('the log of a run is enough to repeat it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-torture-'));
  try {
    const file = join(directory, 'events.ndjson');
    const run = { options, schedule: generateSchedule(options) };
    const log = new EventLog(file, run);
    log.write('inject', { fault: 'one' });
    await log.close();
    expect(await readRun(file)).toEqual(run);
  } finally {
    await rm(directory, { recursive: true });
  }
});
