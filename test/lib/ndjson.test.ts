import fc from 'fast-check';
import { linesOf, linesOfStream, type Line } from '../../src/lib/ndjson';

const texts = (lines: Line[]) => lines.map(({ number, bytes }) => `${number}:${String(bytes)}`);
const cut = (ndjson: string | Buffer) => texts([...linesOf(Buffer.from(ndjson as string))]);

async function streamed(ndjson: Buffer, sizes: number[], maxBytes = Infinity): Promise<Line[]> {
  // eslint-disable-next-line @typescript-eslint/require-await -- pieces come asynchronously
  async function* pieces() {
    let at = 0;
    for (const size of sizes) {
      yield ndjson.subarray(at, at + size);
      at += size;
    }
    yield ndjson.subarray(at);
  }
  const lines: Line[] = [];
  for await (const line of linesOfStream(pieces(), maxBytes)) lines.push(line);
  return lines;
}

test.each([
  ['a last line without an end', '{"a":1}\n{"b":2}', ['1:{"a":1}', '2:{"b":2}']],
  ['blank lines and ends from Windows', '\r\n{"a":1}\r\n \t\n\n2', ['2:{"a":1}', '5:2']],
  ['a carriage return inside of a line', '{"a":1,\r"n":1}\n', ['1:{"a":1,\r"n":1}']],
  ['a separator of Unicode', '"a\u2028b\u2029c\u0085d"\n', ['1:"a\u2028b\u2029c\u0085d"']],
  ['a byte order mark', '\ufeff{"a":1}\n2', ['1:{"a":1}', '2:2']],
  ['byte order marks of joined files', '1\n\ufeff2\n\ufeff\n', ['1:1', '2:2']],
  ['nothing', '', []],
  ['blank lines only', '\n \n', []],
])('%s: lines are %j', (_, ndjson, lines) => expect(cut(ndjson)).toEqual(lines));

test('lines keep their bytes, even if they are not UTF-8', () => {
  const bytes = Buffer.from([0xe9, 0x00, 0xef, 0xbb, 0xff]);
  const lines = [...linesOf(Buffer.concat([bytes, Buffer.from('\n'), bytes]))];
  expect(lines.map((line) => line.bytes)).toEqual([bytes, bytes]);
});

test('pieces of any size give the same lines as the whole', async () => {
  const text = fc.constantFrom('{"id":"a"}', '\n', '\r\n', ' ', '\ufeff', '\u2028', 'é');
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { maxLength: 30 }),
      fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 30 }),
      async (parts, sizes) => {
        const ndjson = Buffer.from(parts.join(''));
        expect(await streamed(ndjson, sizes)).toEqual([...linesOf(ndjson)]);
      },
    ),
  );
});

test('a line that is too long is cut, keeps its number, and is the last line', async () => {
  const ndjson = Buffer.from(`1\n${'x'.repeat(50)}\n3\n`);
  const lines = await streamed(ndjson, [12, 10, 10], 15);
  expect(texts(lines)).toEqual(['1:1', `2:${'x'.repeat(20)}`]);
  expect(lines[1]!.cut).toBe(true);
});
