import fc from 'fast-check';
import { Reconciliation, type Account } from '../../../src/operations/reconcile/reconcile-account';

const at = (offset: number, partition = 0) => ({ partition, offset, timestamp: 1_000 });
const bytes = (text: string) => Buffer.from(text);
const numbers = ({ messages, delivered, deadLettered, missing, double }: Account) => ({
  messages,
  delivered,
  deadLettered,
  missing,
  double,
});

let books: Reconciliation;
beforeEach(() => {
  books = new Reconciliation();
});

test('an account without records has only zeros', () => {
  expect(books.account()).toEqual({
    messages: 0,
    delivered: 0,
    deadLettered: 0,
    missing: 0,
    double: 0,
    missingIds: [],
    doubleIds: [],
  });
});

test('delivered, dead-lettered and missing add up', () => {
  books.addMessage(at(0), 'a', bytes('a'));
  books.addMessage(at(1), 'b', bytes('b'));
  books.addMessage(at(2), 'c', bytes('c'));
  books.addStored(bytes('a'), 'a');
  books.addDeadLetter(at(1));
  expect(books.account()).toEqual({
    messages: 3,
    delivered: 1,
    deadLettered: 1,
    missing: 1,
    double: 0,
    missingIds: ['c'],
    doubleIds: [],
  });
});

test('duplicates on the topic are one message, whichever of its records the letter belongs to', () => {
  books.addMessage(at(0, 0), 'a', bytes('a'));
  books.addMessage(at(0, 1), 'a', bytes('a'));
  books.addDeadLetter(at(0, 1));
  expect(numbers(books.account())).toMatchObject({ messages: 1, deadLettered: 1, missing: 0 });
});

test('a letter of a deleted topic does not hide a missing message of the recreated topic', () => {
  books.addMessage(at(0), 'a', bytes('a'));
  books.addDeadLetter({ ...at(0), timestamp: 999 });
  expect(numbers(books.account())).toMatchObject({ deadLettered: 0, missing: 1 });
});

test('a message with other bytes at the sink does not count as delivered', () => {
  books.addMessage(at(0), 'a', bytes('a'));
  books.addStored(bytes('A'), 'a');
  expect(numbers(books.account())).toMatchObject({ messages: 1, delivered: 0, missing: 1 });
});

test('a message id with two contents is delivered when one is at the sink and the other is dead-lettered', () => {
  books.addMessage(at(0), 'a', bytes('1'));
  books.addMessage(at(1), 'a', bytes('2'));
  books.addStored(bytes('1'), 'a');
  expect(books.account()).toMatchObject({ missing: 1, missingIds: ['a'] });
  books.addDeadLetter(at(1));
  expect(numbers(books.account())).toMatchObject({ messages: 1, delivered: 1, deadLettered: 0 });
});

test('a message id that is twice at the sink is double, whether or not it is on the topic', () => {
  books.addMessage(at(0), 'a', bytes('a'));
  for (const id of ['a', 'a', 'b', 'b', 'b', 'c']) books.addStored(bytes(id), id);
  expect(books.account()).toMatchObject({ messages: 1, double: 2, doubleIds: ['a', 'b'] });
});

test('an invalid record counts as a message of its own, even if a message has its workflow id as its message id', () => {
  books.addInvalid(at(0), 's-invalid-t-0-0');
  books.addInvalid(at(1), 's-invalid-t-0-1');
  books.addMessage(at(2), 's-invalid-t-0-0', bytes('x'));
  books.addDeadLetter(at(0));
  expect(books.account()).toMatchObject({
    messages: 3,
    deadLettered: 1,
    missing: 2,
    missingIds: ['s-invalid-t-0-0', 's-invalid-t-0-1'],
  });
});

test('letters of records that the topic no longer has are skipped', () => {
  books.addDeadLetter(at(7));
  books.addMessage(at(8), 'a', bytes('a'));
  expect(numbers(books.account())).toMatchObject({ messages: 1, missing: 1 });
});

test('the lists of ids are cut at 100, and the counts are not', () => {
  for (let i = 0; i < 150; i++) {
    books.addMessage(at(i), `m${i}`, bytes('x'));
    for (let copy = 0; copy < 2; copy++) books.addStored(bytes('x'), `d${i}`);
  }
  const account = books.account();
  expect(numbers(account)).toMatchObject({ missing: 150, double: 150 });
  expect(account.missingIds).toHaveLength(100);
  expect(account.doubleIds).toHaveLength(100);
});

test('the account equals that of a model that keeps everything', () => {
  const ids = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
  const values = fc.constantFrom('1', '2', '');
  const record = fc.record({ id: fc.option(ids), value: values });
  const object = fc.record({ id: ids, value: values });
  const topic = fc.array(record, { maxLength: 12 });
  fc.assert(
    fc.property(
      topic,
      fc.array(object, { maxLength: 8 }),
      fc.uniqueArray(fc.nat(14)),
      (records, stored, dead) => {
        const tested = new Reconciliation();
        records.forEach(({ id, value }, offset) => {
          if (id === null) tested.addInvalid(at(offset), `invalid-${offset}`);
          else tested.addMessage(at(offset), id, bytes(value));
        });
        for (const { id, value } of stored) tested.addStored(bytes(value), id);
        for (const offset of dead) tested.addDeadLetter(at(offset));
        expect(tested.account()).toEqual(model(records, stored, dead));
      },
    ),
    { numRuns: 2_000 },
  );
});

type Rec = { id: string | null; value: string };

/** The rules of the design, in their simplest and slowest form. */
function model(records: Rec[], stored: { id: string; value: string }[], dead: number[]): Account {
  const named = records.map((record, offset) => ({ ...record, offset }));
  const ids = [...new Set(named.flatMap(({ id }) => (id === null ? [] : [id])))];
  const atSink = (id: string, value: string) =>
    stored.some((one) => one.id === id && one.value === value);
  const messages = ids.map((id) => {
    const own = named.filter((one) => one.id === id);
    const lost = own.some(
      ({ value }) =>
        !atSink(id, value) && !own.some((one) => one.value === value && dead.includes(one.offset)),
    );
    const delivered = own.some(({ value }) => atSink(id, value));
    return { name: id, state: lost ? 'missing' : delivered ? 'delivered' : 'dead' };
  });
  for (const { id, offset } of named) {
    if (id !== null) continue;
    messages.push({ name: `invalid-${offset}`, state: dead.includes(offset) ? 'dead' : 'missing' });
  }
  const inState = (state: string) => messages.filter((one) => one.state === state);
  const storedIds = [...new Set(stored.map(({ id }) => id))];
  const doubleIds = storedIds.filter((id) => stored.filter((one) => one.id === id).length > 1);
  return {
    messages: messages.length,
    delivered: inState('delivered').length,
    deadLettered: inState('dead').length,
    missing: inState('missing').length,
    double: doubleIds.length,
    missingIds: inState('missing').map(({ name }) => name),
    doubleIds,
  };
}

describe('an object without a message id at the sink', () => {
  test('counts for the message that has its content', () => {
    books.addMessage(at(0), 'a', bytes('1'));
    books.addMessage(at(1), 'b', bytes('2'));
    expect(books.addStored(bytes('2'), undefined)).toBe(true);
    expect(books.account()).toMatchObject({ delivered: 1, missingIds: ['a'] });
  });

  test('counts for one message only, even if several have its content', () => {
    for (const [offset, id] of ['a', 'b', 'c'].entries())
      books.addMessage(at(offset), id, bytes('1'));
    for (let copies = 0; copies < 2; copies++) books.addStored(bytes('1'), undefined);
    expect(numbers(books.account())).toMatchObject({ delivered: 2, missing: 1, double: 0 });
    for (let copies = 0; copies < 2; copies++) books.addStored(bytes('1'), undefined);
    expect(numbers(books.account())).toMatchObject({ delivered: 3, missing: 0, double: 1 });
  });

  test('counts for no message if none has its content', () => {
    books.addMessage(at(0), 'a', bytes('1'));
    expect(books.addStored(bytes('2'), undefined)).toBe(false);
    expect(numbers(books.account())).toMatchObject({ missing: 1, double: 0 });
  });
});
