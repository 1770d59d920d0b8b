import fc from 'fast-check';
import { elementsOf, membersOf } from '../../src/lib/json-slices';

const members = (json: string) => membersOf(Buffer.from(json), 1_000)!;
const texts = (slices: Buffer[]) => slices.map(String);

test('elementsOf keeps the bytes of each element', () => {
  const json = '[ 12345678901234567890, {"a":1,"a":2.0} ,\t"x,\\"]\\\\" , [[],{}],null\n]';
  expect(texts(elementsOf(Buffer.from(json)))).toEqual([
    '12345678901234567890',
    '{"a":1,"a":2.0}',
    '"x,\\"]\\\\"',
    '[[],{}]',
    'null',
  ]);
  expect(elementsOf(Buffer.from(' [ \n] '))).toEqual([]);
});

test('membersOf keeps the bytes of each value, and the last value of a repeated key', () => {
  const json = '{ "a" : 1.0 , "b:,":{"a":[1,":"]},"\\u0061":2,"__proto__":null}';
  expect([...members(json)].map(([name, value]) => [name, String(value)])).toEqual([
    ['a', '2'],
    ['b:,', '{"a":[1,":"]}'],
    ['__proto__', 'null'],
  ]);
});

const spaced = fc.constantFrom(undefined, 1, '\t');

test('elementsOf returns the elements of any array', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), spaced, (values, space) => {
      const slices = elementsOf(Buffer.from(JSON.stringify(values, null, space)));
      expect(slices.map((slice) => JSON.parse(String(slice)) as unknown)).toEqual(
        JSON.parse(JSON.stringify(values)),
      );
    }),
  );
});

test('membersOf returns the values of any object', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), spaced, (object, space) => {
      const json = JSON.stringify(object, null, space);
      const parsed = [...members(json)].map(([name, value]) => [
        name,
        JSON.parse(String(value)) as unknown,
      ]);
      expect(Object.fromEntries(parsed)).toEqual(JSON.parse(json));
    }),
  );
});

test('membersOf returns undefined for more members than the limit, repeated keys counted', () => {
  expect(membersOf(Buffer.from('{"a":1,"a":2}'), 2)?.size).toBe(1);
  expect(membersOf(Buffer.from('{"a":1,"a":2,"b":3}'), 2)).toBeUndefined();
});
