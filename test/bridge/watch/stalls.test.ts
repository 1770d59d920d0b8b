import { Backoff } from '../../../src/bridge/starts/backoff';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { stallCause, type WindowState } from '../../../src/bridge/watch/stall-cause';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import { parseCommitMetadata, STALL_REASONS } from '../../../src/domain/commit-metadata';
import { Stalls, type StallCause } from '../../../src/bridge/watch/stalls';
import { createMetrics } from '../../../src/telemetry/metrics';
import { testStream } from '../../domain/support/records';
import { fakeClient, keepingLogger } from '../support/fakes';

const MINUTE = 60_000;
const stream = { name: 's', topic: 't' };

/** Returns the stall that a reader finds in the metadata of a commit. */
const noteIn = (metadata: object) => parseCommitMetadata(JSON.stringify(metadata)).stall;

function create() {
  const { logger, lines } = keepingLogger();
  const metrics = createMetrics();
  const stalls = new Stalls({ stream, afterMs: MINUTE, metrics, logger });
  let asked = 0;
  return {
    stalls,
    lines,
    said: () => lines.map(({ msg }) => msg),
    asked: () => asked,
    gauge: async () => (await metrics.stalled.get()).values.map(({ value }) => value),
    observe: (position: number, minutes: number, works = true) => {
      const cause = (): StallCause => {
        asked++;
        return { reason: 'max_open', oldest: { workflowId: 's-1-7', offset: 7, openSince: 0 } };
      };
      stalls.observe(0, { position, works }, cause, minutes * MINUTE);
    },
  };
}

describe('a partition', () => {
  test('is stalled after a minute with work but without progress, and the log reports its beginning, duration and end', async () => {
    const { stalls, observe, said, lines, gauge } = create();
    observe(5, 0);
    observe(5, 0.9);
    expect([stalls.of(0), said(), await gauge()]).toEqual([undefined, [], [0]]);
    observe(5, 1);
    for (const minutes of [2, 3, 4, 5]) observe(5, minutes);
    expect(said()).toEqual(['Partition is stalled']);
    expect(lines[0]).toMatchObject({
      stream: 's',
      partition: 0,
      offset: 5,
      reason: 'max_open',
      oldest: { workflowId: 's-1-7', offset: 7 },
      stalledMs: MINUTE,
    });
    expect(await gauge()).toEqual([1]);
    observe(5, 6);
    expect(said()).toEqual(['Partition is stalled', 'Partition is still stalled']);
    expect(stalls.describe(6 * MINUTE)).toEqual({
      'stalled s t/0': 'at offset 5 for 360 s: max_open, s-1-7 is open for 360 s',
    });
    observe(6, 7);
    expect(said().at(-1)).toBe('Partition goes on');
    expect([stalls.describe(), await gauge()]).toEqual([{}, [0]]);
    observe(6, 7.9);
    expect(said()).toHaveLength(3);
  });

  test('is not stalled while it has no work', () => {
    const { observe, said, asked } = create();
    for (const minutes of [0, 10, 20]) observe(5, minutes, false);
    observe(5, 20.5);
    expect([said(), asked()]).toEqual([[], 0]);
  });

  test('makes no progress if its offset seems to move back', () => {
    const { observe, said } = create();
    observe(5, 0);
    observe(4, 0.5);
    observe(5, 1);
    expect(said()).toEqual(['Partition is stalled']);
  });

  test('is forgotten together with its gauge when it is lost', async () => {
    const { stalls, observe, gauge } = create();
    observe(5, 0);
    observe(5, 1);
    stalls.forget(0);
    expect([stalls.of(0), await gauge()]).toEqual([undefined, []]);
  });

  test('has a stall note without the workflow id if JSON makes that id too long for a commit', () => {
    const { stalls } = create();
    const oldest = { workflowId: '\u0001'.repeat(100), offset: 7, openSince: 0 };
    for (const now of [0, MINUTE]) {
      stalls.observe(0, { position: 5, works: true }, () => ({ reason: 'max_open', oldest }), now);
    }
    expect(stalls.note(0)).toEqual({ reason: 'max_open', since: 0 });
  });

  test('has a stall note without the workflow id if that id has too many bytes, though few characters', () => {
    const { stalls } = create();
    const oldest = { workflowId: '話'.repeat(150), offset: 7, openSince: 0 };
    for (const now of [0, MINUTE]) {
      stalls.observe(0, { position: 5, works: true }, () => ({ reason: 'max_open', oldest }), now);
    }
    expect(stalls.note(0)).toEqual({ reason: 'max_open', since: 0 });
  });

  test.each(['x', '\u0001', '話', '😀'])(
    'has a stall note with at most 300 bytes of a long detail of %j',
    (character) => {
      const { stalls } = create();
      const detail = character.repeat(5_000);
      for (const now of [0, MINUTE]) {
        stalls.observe(
          0,
          { position: 5, works: true },
          () => ({ reason: 'unreadable', detail }),
          now,
        );
      }
      const noted = stalls.note(0)!.detail!;
      expect(Buffer.byteLength(JSON.stringify(noted))).toBeLessThanOrEqual(300);
      expect(Buffer.byteLength(JSON.stringify(noted))).toBeGreaterThan(285);
      expect(detail.startsWith(noted.slice(0, -1))).toBe(true);
      expect(noted.at(-1)).toBe('…');
    },
  );

  test('has a stall note with the detail if the stall waits for no workflow', () => {
    const { stalls } = create();
    const cause = { reason: 'decode_failing', detail: 'the registry does not answer' } as const;
    for (const now of [0, MINUTE]) {
      stalls.observe(0, { position: 5, works: true }, () => cause, now);
    }
    expect(stalls.note(0)).toEqual({ ...cause, since: 0 });
    expect(noteIn({ stalled: stalls.note(0) })).toEqual({ ...cause, since: 0 });
  });

  test('has a stall note that is read back from the metadata of a commit', () => {
    const { stalls, observe } = create();
    observe(5, 0);
    expect(stalls.note(0)).toBeUndefined();
    observe(5, 1);
    const note = { reason: 'max_open', since: 0, workflowId: 's-1-7' };
    expect(stalls.note(0)).toEqual(note);
    expect(noteIn({ stalled: note })).toEqual(note);
    expect(noteIn({ stalled: { ...note, reason: 'mood' } })).toBeUndefined();
    expect(noteIn({})).toBeUndefined();
  });
});

describe('the reason of a stall', () => {
  const running = new RunningWorkflows(fakeClient({}), keepingLogger().logger);
  afterAll(() => running.stop());
  const idle = new Backoff();
  const failing = new Backoff();
  failing.failed('unavailable');
  const free = new StartRate(() => undefined);
  const refused = new StartRate(() => undefined);
  refused.exhausted();
  const record = testStream({ maxOpen: 1 });
  const chunk = testStream({ execution: { lane: 'chunk' } });
  const nothing: WindowState = {
    ...{ partition: 0, uncommitted: false, waiting: false },
    fault: undefined,
  };
  const waiting = { ...nothing, waiting: true };
  const reason = (
    window: WindowState,
    {
      of = record,
      backoff = idle,
      rate = free,
      paused = false,
      braked = false,
      decodeFailures = new Map<number, string>(),
    } = {},
  ) => stallCause(of, window, { backoff, rate, running, paused, braked, decodeFailures });

  test('names what the records of the partition wait for', () => {
    const found = [
      reason(waiting, { braked: true, paused: true }),
      reason(waiting, { backoff: failing, braked: true }),
      reason(waiting, { backoff: failing }),
      reason(waiting, { rate: refused }),
      reason({ ...nothing, uncommitted: true }),
      reason(waiting, { decodeFailures: new Map([[0, 'no registry']]) }),
      reason(waiting, { of: chunk, decodeFailures: new Map([[0, 'no registry']]) }),
      reason(waiting, { decodeFailures: new Map([[1, 'no registry']]) }),
      reason(waiting, { of: chunk }),
      reason(nothing),
    ];
    expect(found).toEqual([
      { reason: 'paused' },
      { reason: 'braked' },
      { reason: 'temporal_backoff', detail: 'unavailable' },
      { reason: 'temporal_backoff', detail: 'resource_exhausted' },
      { reason: 'commit_failing' },
      { reason: 'decode_failing', detail: 'no registry' },
      { reason: 'decode_failing', detail: 'no registry' },
      { reason: 'records_waiting' },
      { reason: 'records_waiting' },
      { reason: 'no_fetch' },
    ]);
    running.register('w', { partition: 0, offset: 3 }).acknowledge(true);
    const oldest = { workflowId: 'w', offset: 3, openSince: expect.any(Number) as number };
    expect(reason(waiting)).toEqual({ reason: 'max_open', oldest });
    expect(reason(waiting, { of: chunk })).toEqual({ reason: 'chunk_open', oldest });
    expect(reason(waiting, { of: testStream() })).toEqual({ reason: 'records_waiting', oldest });
    const other = { ...waiting, partition: 1 };
    expect(reason(other, { of: chunk })).toEqual({ reason: 'chunk_open', oldest });
    expect(reason(other, { of: testStream() })).toEqual({ reason: 'records_waiting' });
    for (const fault of ['unreadable', 'fetch_failing'] as const) {
      const found = { reason: fault, detail: 'offset 7: its checksum is wrong' };
      expect(reason({ ...nothing, fault: found })).toEqual(found);
      // Records that were fetched before the fault are the first reason.
      expect(reason({ ...waiting, fault: found })).not.toEqual(found);
    }
    expect(new Set(STALL_REASONS).size).toBe(11);
    // After a start has succeeded, the stall has another reason than the rate limit.
    refused.succeeded();
    expect(reason(nothing, { rate: refused })).toEqual({ reason: 'no_fetch' });
  });
});
