import { createHash } from 'node:crypto';
import { base64, draft, type Draft } from './step';

/** One record of each kind. */
export const KINDS: Draft[] = [
  draft('key', 'value'),
  draft(null, 'no key'),
  draft('no value', null),
  draft(null, null),
  draft('', ''),
  draft('', 'empty key'),
  draft('empty value', ''),
  draft('one header', 'a', { headers: [['a', base64('1')]] }),
  draft('null header', 'b', { headers: [['nothing', null]] }),
  draft('empty header', 'c', { headers: [['empty', '']] }),
  draft('repeated names', 'd', {
    headers: [
      ['a', base64('1')],
      ['b', base64('2')],
      ['a', base64('3')],
      ['a', null],
    ],
  }),
  draft('names that an object has', 'e', {
    headers: ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '0', ' '].map(
      (name) => [name, base64(`of ${name}`)],
    ),
  }),
  draft('schlüssel', 'Wert 🚀 値', { headers: [['größe 🚀', base64('ja')]] }),
  { key: base64(Buffer.of(0xff, 0, 0x80)), value: base64(Buffer.of(0, 1, 0xfe, 0xff)) },
  { key: base64('bytes'), value: '', headers: [['bytes', base64(Buffer.of(0xc3, 0x28, 0))]] },
  draft('{"json":1}', '{"id":"1","text":"a\\r\\nb"}\r\n'),
  draft('the first second', 'f', { timestamp: '1' }),
];

/** The kinds that kafka-python accepts: it refuses a header without a value, and a record without key and value. */
export const FOR_KAFKA_PYTHON: Draft[] = KINDS.filter(
  ({ key, value }) => key !== null || value !== null,
).map(({ headers, ...record }) =>
  headers ? { ...record, headers: headers.filter(([, value]) => value !== null) } : record,
);

export const MANY_HEADERS: Draft = draft('500 headers', 'value', {
  headers: Array.from({ length: 500 }, (_, index) => [`header-${index % 250}`, base64(`${index}`)]),
});

/** Text with many repetitions, near and far. */
export function compressible(bytes: number): string {
  const lines = Array.from({ length: 16 }, (_, index) =>
    `line ${index} of a large value; `.repeat(2),
  );
  let text = '';
  for (let n = 0; text.length < bytes; n++) text += lines[(n * n) % 16]! + (n % 64 === 0 ? n : '');
  return text.slice(0, bytes);
}

/** Bytes that no codec can compress. They are the same in each run. */
export function incompressible(bytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let n = 0; n * 32 < bytes; n++) {
    blocks.push(createHash('sha256').update(`block ${n}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** Records with keys k0, k1, …, whose values name the version. */
export function versions(count: number, version: string, from = 0): Draft[] {
  return Array.from({ length: count }, (_, index) =>
    draft(`k${from + index}`, `${version} ${index}`),
  );
}
