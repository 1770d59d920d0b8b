import { settled } from '../support/fakes';
import { KeyOrder, type OrderedEntry } from '../../../src/bridge/record-lane/key-order';
import { PartitionCounters } from '../../../src/bridge/partition/partition-counters';
import type { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { PartitionWindow } from '../../../src/bridge/partition/partition-window';
import { WaitingPlaces } from '../../../src/bridge/record-lane/waiting-places';
import { parseCommitMetadata } from '../../../src/domain/commit-metadata';
import { kafkaRecord } from '../../domain/support/records';

/** The order of one partition, whose records the test starts and ends. */
class World {
  readonly counters = new PartitionCounters();
  readonly admitted: string[] = [];
  readonly finished: number[] = [];
  readonly watched = new Map<string, () => void>();
  readonly order: KeyOrder;
  readonly #entries: OrderedEntry[] = [];
  window: PartitionWindow;

  constructor(given: { metadata?: string; places?: number } = {}) {
    const { metadata = null, places = 10 } = given;
    this.counters.load(parseCommitMetadata(metadata));
    this.window = this.#window();
    this.order = new KeyOrder({
      predecessors: this.counters.predecessors,
      running: {
        whenEnded: (id: string) => new Promise<void>((resolve) => this.watched.set(id, resolve)),
      } as unknown as RunningWorkflows,
      places: new WaitingPlaces(places),
      admit: ({ record: { offset }, queued }) =>
        this.admitted.push(
          queued!.after === undefined ? `${offset}` : `${offset} after ${queued!.after}`,
        ),
      finish: (entry) => {
        this.finished.push(entry.record.offset);
        entry.window.finish(entry);
      },
    });
  }

  #window(): PartitionWindow {
    return new PartitionWindow('topic', 0, { records: 1e6, bytes: 1e9 }, this.counters);
  }

  /** Pushes records with these keys, at one offset after the other. */
  push(...keys: string[]): void {
    for (const key of keys) {
      const offset = this.#entries.length;
      const record = kafkaRecord({ offset, key: Buffer.from(key) });
      const [entry] = this.window.accept([record], offset + 1);
      this.#entries.push(entry!);
      this.order.push(key, entry!);
    }
  }

  queued(offset: number) {
    return this.#entries[offset]!.queued!;
  }

  running(offset: number, workflowId = `w${offset}`): void {
    this.order.running(this.queued(offset), workflowId);
  }

  ended(offset: number): void {
    this.order.ended(this.queued(offset));
  }

  skipped(offset: number): void {
    this.order.skipped(this.queued(offset), 'recent');
  }

  lose(): void {
    this.window.revoked = true;
    this.window = this.#window();
  }

  get open(): unknown {
    return (JSON.parse(this.counters.toMetadata()) as { open?: unknown }).open;
  }
}

test('a record starts when the record before it in its key has ended, and other keys do not wait', () => {
  const world = new World();
  world.push('a', 'a', 'b', 'a');
  expect(world.admitted).toEqual(['0', '2']);
  world.ended(0);
  world.ended(1);
  expect(world.admitted).toEqual(['0', '2', '1', '3']);
  expect(world.finished).toEqual([0, 1]);
  expect(world.window.watermark).toBe(2);
});

test('a record waits for the last open record of its key, even if layer recent skips records in between', () => {
  const world = new World({ places: 1 });
  world.push('a', 'a', 'a', 'a');
  world.running(0);
  for (const offset of [1, 2]) world.skipped(offset);
  expect(world.admitted).toEqual(['0', '1 after w0', '2 after w0', '3 after w0']);
  expect(world.window.watermark).toBe(3);
  expect(world.open).toEqual([['a', 'w0']]);
  world.skipped(3);
  world.ended(0);
  world.push('a');
  expect(world.admitted.at(-1)).toBe('4');
  expect(world.open).toBeUndefined();
});

test('a record behind a slow record is started after the workflow of that record, and both are committable', () => {
  const world = new World();
  world.push('a', 'a', 'a');
  world.running(0);
  expect(world.admitted).toEqual(['0', '1 after w0']);
  expect(world.open).toEqual([['a', 'w0']]);
  world.running(1);
  expect(world.open).toEqual([['a', 'w1']]);
  expect(world.window.watermark).toBe(2);
  world.ended(0);
  expect(world.open).toEqual([['a', 'w1']]);
  world.running(2);
  world.ended(1);
  world.ended(2);
  expect(world.open).toBeUndefined();
  expect(world.window.watermark).toBe(3);
});

test('a slow record for which the metadata has no room is committable only when it has ended, or when there is room', () => {
  const world = new World();
  // JSON writes this suffix as 1,200 bytes.
  const long = '\u0001'.repeat(200);
  world.push('a', 'b', 'c', 'c', 'd');
  world.running(0, `a${long}`);
  world.running(1, `b${long}`);
  world.running(2, `c${long}`);
  expect(world.window.watermark).toBe(2);
  // Record 3 is started all the same, because the next owner meets record 2, which comes before it, again.
  expect(world.admitted.at(-1)).toBe(`3 after c${long}`);
  world.running(3, 'c');
  // A listed later record of the key stands for the records before it.
  expect(world.window.watermark).toBe(4);
  world.running(4, `d${long}`);
  expect(world.window.watermark).toBe(4);
  expect(Buffer.byteLength(world.counters.toMetadata())).toBeLessThan(4_096);
  world.ended(0);
  expect(world.window.watermark).toBe(5);
  expect(world.open).toEqual([
    ['b', `b${long}`],
    ['c', 'c'],
    ['d', `d${long}`],
  ]);
});

test('a workflow id for which the metadata has no room leaves the earlier id of its key in the list', () => {
  const world = new World();
  const long = '\u0001'.repeat(200);
  world.push('a', 'b', 'c', 'c');
  world.running(0, `a${long}`);
  world.running(1, `b${long}`);
  world.running(2, 'c');
  world.running(3, `c${long}`);
  expect(world.open).toContainEqual(['c', 'c']);
  expect(world.window.watermark).toBe(3);
  world.ended(3);
  expect(world.window.watermark).toBe(4);
});

test('a record waits for the workflow that an earlier owner left open, which leaves the list when it has ended', async () => {
  const world = new World({ metadata: '{"open":[["a","w7"],["b","w8"],"other",["c"],[1,2]]}' });
  expect([...world.watched.keys()]).toEqual(['w7', 'w8']);
  world.push('a', 'c');
  expect(world.admitted).toEqual(['0 after w7', '1']);
  world.watched.get('w8')!();
  await settled();
  world.push('b');
  expect(world.admitted.at(-1)).toBe('2');
  world.watched.get('w7')!();
  await settled();
  expect(world.open).toBeUndefined();
});

test.each(['{"open":5}', '{"open":{"a":1}}', '{"open":[', 'open', ''])(
  'metadata of another program is not taken for a list of predecessors: %s',
  (metadata) => {
    expect(new World({ metadata }).open).toBeUndefined();
  },
);

test('records wait in memory while all waiting places are taken, and go on when places become free', () => {
  const world = new World({ places: 2 });
  world.push('a', 'a', 'a', 'b', 'b');
  world.running(0);
  world.running(1);
  world.running(2);
  world.running(3);
  expect(world.admitted).toEqual(['0', '3', '1 after w0', '2 after w1']);
  world.ended(0);
  world.ended(1);
  expect(world.admitted.at(-1)).toBe('4 after w3');
});

test('later records of a key keep their turns if a free place was offered while the key had none to start', () => {
  const world = new World({ places: 1 });
  world.push('stuck', 'stuck', 'a', 'a');
  world.running(0);
  // The second record of key `a` gets no place. It starts when the first one has ended, and ends as well.
  world.running(2);
  world.ended(2);
  world.ended(3);
  world.push('a');
  world.ended(0);
  world.ended(1);
  world.push('a');
  expect(world.admitted).toEqual(['0', '2', '1 after w0', '3', '4']);
  world.ended(4);
  expect(world.admitted.at(-1)).toBe('5');
});

test('a place that comes free when a record ends is not taken by the next record of its own key', () => {
  const world = new World({ places: 1 });
  world.push('a', 'a', 'a');
  world.running(0);
  world.running(1);
  world.ended(0);
  world.ended(1);
  expect(world.admitted).toEqual(['0', '1 after w0', '2']);
});

test('a record waits until the record before it has ended if there are no waiting places', () => {
  const world = new World({ places: 0 });
  world.push('a', 'a');
  world.running(0);
  expect(world.admitted).toEqual(['0']);
  world.ended(0);
  expect(world.admitted).toEqual(['0', '1']);
});

test('records of a log that went back wait for open workflows of records that the log has lost', () => {
  const world = new World({ places: 1 });
  world.push('a', 'a', 'a', 'b', 'b');
  world.running(0);
  world.lose();
  // A record that was let through but not started gives back its turn and its place.
  world.order.dropped(world.queued(1));
  world.order.dropped(world.queued(3));
  world.push('a', 'b');
  expect(world.admitted).toEqual(['0', '3', '1 after w0', '5 after w0', '6']);
});
