import fc from 'fast-check';
import type { HeldRecord } from '../../../src/domain/stream/hold';
import { HeldKeys, MAX_HELD_KEYS, MAX_HELD_RECORDS } from '../../../src/workflows/stream/held-keys';

type Step = { what: 'hold' | 'delivered' | 'giveUp' | 'goOn'; key: string; record: HeldRecord };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    what: fc.constantFrom<Step['what'][]>('hold', 'hold', 'delivered', 'giveUp', 'goOn'),
    key: fc.constantFrom('a', 'b', 'c'),
    record: fc.tuple(fc.nat(9), fc.constantFrom('p', 'q', 'r', 's')),
  }),
  { maxLength: 60 },
);

/** A model: one list of all dead records, in the order in which they were held. */
class Model {
  list: { key: string; record: HeldRecord }[] = [];
  readonly deliveredOffset = new Map<string, number>();

  of(key: string): HeldRecord[] {
    return this.list.filter((one) => one.key === key).map(({ record }) => record);
  }

  apply({ what, key, record: [offset, mark] }: Step): void {
    const same = ([o, m]: HeldRecord) => o === offset || m === mark;
    if (what === 'hold' && !this.of(key).some(same)) {
      this.list.push({ key, record: [offset, mark] });
    }
    const [head] = this.of(key);
    if (what === 'delivered' && head && same(head)) {
      this.deliveredOffset.set(key, offset);
      this.#remove(key, head);
    }
    if (what === 'giveUp') {
      // If two keys have a head with this offset, it is the key that is held for the longest time.
      const keys = [...new Set(this.list.map((one) => one.key))];
      const found = keys.find((one) => this.of(one)[0]![0] === offset);
      if (found) this.#remove(found, this.of(found)[0]!);
    }
  }

  #remove(key: string, record: HeldRecord): void {
    this.list = this.list.filter((one) => one.key !== key || one.record !== record);
    if (this.of(key).length === 0) this.deliveredOffset.delete(key);
  }
}

test('HeldKeys equals a model that is a list, even across continue-as-new', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const model = new Model();
      let held = new HeldKeys([]);
      for (const step of all) {
        const { what, key, record } = step;
        model.apply(step);
        if (what === 'hold') expect(held.hold(key, record)).toBeUndefined();
        if (what === 'delivered') held.delivered(key, record);
        if (what === 'giveUp') held.giveUp(record[0]);
        if (what === 'goOn') held = new HeldKeys(JSON.parse(JSON.stringify(held.state)) as never);
        expect(held.isEmpty).toBe(model.list.length === 0);
        expect(Object.keys(held.heads).sort()).toEqual(
          [...new Set(model.list.map((one) => one.key))].sort(),
        );
        for (const [name, records, deliveredOffset] of held.state) {
          expect(records).toEqual(model.of(name));
          expect(deliveredOffset).toBe(model.deliveredOffset.get(name));
          expect(held.heads[name]).toEqual([
            ...records[0]!,
            ...(deliveredOffset === undefined ? [] : [deliveredOffset]),
          ]);
        }
      }
    }),
  );
});

test('giveUp returns whether the record was the head of a key', () => {
  const held = new HeldKeys([
    [
      'a',
      [
        [1, 'p'],
        [2, 'q'],
      ],
    ],
  ]);
  expect(held.giveUp(2)).toBe(false);
  expect(held.giveUp(1)).toBe(true);
  expect(held.heads).toEqual({ a: [2, 'q'] });
});

test('hold accepts MAX_HELD_KEYS keys, and further records of a held key', () => {
  const held = new HeldKeys([]);
  for (let i = 0; i < MAX_HELD_KEYS; i++) held.hold(`k${i}`, [i, `m${i}`]);
  expect(held.hold('one more', [5_000, 'x'])).toBe(
    '1000 held keys are the most that a partition can have: replay or give up some of them',
  );
  expect(held.hold('k7', [5_000, 'x'])).toBeUndefined();
  // A record of a held key needs no room for a key.
  expect(held.hold('k7', [7, 'm7'])).toBeUndefined();
  held.giveUp(3);
  expect(held.hold('one more', [5_000, 'x'])).toBeUndefined();
});

test('hold accepts MAX_HELD_RECORDS records', () => {
  const records = Array.from({ length: MAX_HELD_RECORDS }, (_, i): HeldRecord => [i, `m${i}`]);
  const held = new HeldKeys([['a', records]]);
  expect(held.hold('a', [20_000, 'x'])).toMatch(/^10000 records of held keys are the most/);
  held.delivered('a', [0, 'm0']);
  expect(held.hold('a', [20_000, 'x'])).toBeUndefined();
  // Both limits keep the state within the size that Temporal and its stores accept.
  expect(JSON.stringify(held.state).length).toBeLessThan(1_000_000);
});
