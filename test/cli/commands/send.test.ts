import { LineSender } from '../../../src/cli/commands/send';
import type { Message } from '../../../src/kafka/kafka';
import { linesOf } from '../../../src/lib/ndjson';

const MIB = 1024 * 1024;

/** Sends the lines. The broker refuses a batch for which `refuse` returns true. */
function sending(maxBytes = MIB, refuse: (batch: Message[]) => boolean = () => false) {
  const batches: Message[][] = [];
  const producer = {
    send: ({ messages }: { messages: Message[] }) => {
      if (refuse(messages)) return Promise.reject(new Error('too large'));
      batches.push(messages);
      return Promise.resolve([]);
    },
  };
  const sender = new LineSender(producer, 'topic', 'id', maxBytes);
  const send = async (ndjson: string | Buffer) => {
    for (const line of linesOf(Buffer.from(ndjson as string))) await sender.add(line);
    await sender.flush();
  };
  return { sender, batches, send };
}

test.each([
  ['{"id":"a"}', 'a'],
  ['{"id":""}', ''],
  ['{"id":7}', '7'],
  ['{"id":-0.5}', '-0.5'],
  ['{"id":9007199254740993}', '9007199254740993'],
  ['{"x":1, "id" : 12345678901234567890 }', '12345678901234567890'],
  ['{"id":1,"id":9007199254740993}', '9007199254740993'],
  ['{"id":0.12345678901234567890}', '0.12345678901234567890'],
  ['{"id":1e400}', '1e400'],
  ['{"id":"caf\u00e9"}', 'caf\u00e9'],
  ['{"id":null}', null],
  ['{"id":{"a":1}}', null],
  ['{"other":1}', null],
  ['["id"]', null],
  ['"id"', null],
  ['{nope', null],
])('send gives the line %s the key %j and its own bytes as the value', async (line, key) => {
  const { batches, send } = sending();
  await send(line);
  expect(batches).toEqual([[{ key, value: Buffer.from(line) }]]);
});

test.each(['length', 'constructor', 'toString', '__proto__'])(
  'send takes no key from a property that every object inherits: %s',
  async (field) => {
    const batches: Message[][] = [];
    const send = ({ messages }: { messages: Message[] }) => {
      batches.push(messages);
      return Promise.resolve([]);
    };
    const sender = new LineSender({ send }, 'topic', field, MIB);
    for (const line of linesOf(Buffer.from('"text"\n[1]\n{}'))) await sender.add(line);
    await sender.flush();
    expect(batches.flat().map(({ key }) => key)).toEqual([null, null, null]);
  },
);

test('send counts the size of a batch in bytes, not in characters', async () => {
  const { batches, send } = sending();
  const line = JSON.stringify({ id: 'a', text: '\u5b57'.repeat(1_000) });
  await send(`${line}\n`.repeat(400));
  const sizes = batches.map((batch) =>
    batch.reduce((sum, { value }) => sum + (value as Buffer).length, 0),
  );
  expect(batches.flat()).toHaveLength(400);
  expect(Math.max(...sizes)).toBeLessThan(512 * 1024);
});

test('send keeps a batch within the size that the topic accepts, unless a single line is larger', async () => {
  const { batches, send } = sending(1_000);
  await send(`{"id":"a"}\n`.repeat(100) + `"${'x'.repeat(950)}"\n1\n`);
  expect(batches.every((batch) => batch.length * 43 + 64 <= 1_000 || batch.length === 1)).toBe(
    true,
  );
  expect(batches.flat()).toHaveLength(102);
});

test('send refuses a line that is not UTF-8, and sends the lines before it', async () => {
  const { sender, batches, send } = sending();
  const latin1 = Buffer.from('{"id":"a"}\n\n{"id":"caf\u00e9"}\n{"id":"b"}\n', 'latin1');
  await expect(send(latin1)).rejects.toThrow('line 3 is not UTF-8');
  expect(batches.flat()).toHaveLength(1);
  expect(sender.describe()).toBe(
    '1 records were sent, those of the lines up to 1; no later line was',
  );
});

test('send refuses a file in UTF-16 at its first line', async () => {
  const { sender, send } = sending();
  await expect(send(Buffer.from('\ufeff{"id":"a"}\n', 'utf16le'))).rejects.toThrow('line 1 is not');
  expect(sender.describe()).toBe('nothing was sent; no later line was');
});

test('send refuses a line that is too large for the topic, and names its number', async () => {
  const { sender, batches, send } = sending(100);
  await expect(send(`1\n2\n"${'x'.repeat(100)}"\n4`)).rejects.toThrow(
    'line 3 has more than the 100 bytes that the topic takes (max.message.bytes)',
  );
  expect(batches.flat().map(({ value }) => String(value))).toEqual(['1', '2']);
  expect(sender.describe()).toMatch(/^2 records were sent, those of the lines up to 2;/);
});

test('send reports how many lines were sent, are in doubt and were not sent when the broker refuses a batch', async () => {
  const { sender, send } = sending(MIB, (batch) => batch.some(({ key }) => key === 'bad'));
  const good = (count: number) => `{"id":"a"}\n`.repeat(count);
  const failed = send(`${good(1_000)}${good(5)}{"id":"bad"}\n${good(2_000)}`);
  await expect(failed).rejects.toThrow('topic did not accept lines 1001 to 2000');
  expect(sender.describe()).toBe(
    '1000 records were sent, those of the lines up to 1000; of lines 1001 to 2000 some may have been; no later line was',
  );
});
