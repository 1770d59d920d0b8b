import { GZIP } from '../../../src/kafka/kafka';
import { deadLetterHeader } from '../../../src/domain/workflow/dead-letter';
import type { KafkaRecord } from '../../../src/domain/record/record';
import type { AnyStream, ExecutionOptions } from '../../../src/domain/stream/stream';
import { World, counterValue, messageValue, until } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

describe.each<{ execution: ExecutionOptions }>([
  { execution: { lane: 'record' } },
  { execution: { lane: 'chunk' } },
])('in the $execution.lane lane', ({ execution }) => {
  test('invalid records of every kind are dead-lettered with their own bytes, and delay no other record', async () => {
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    const binary = Buffer.from([0xff, 0x00, 0xfe, 0x80]);
    const headers = {
      trace: Buffer.from([1, 2, 255]),
      twice: [Buffer.from('a'), Buffer.from('b')],
    };
    const poison = [
      { type: 'InvalidJson', key: Buffer.from('k'), value: Buffer.from('{nope') },
      { type: 'InvalidJson', key: binary, value: binary },
      { type: 'InvalidJson', key: null, value: Buffer.alloc(0) },
      { type: 'NullValue', key: Buffer.from('gone'), value: null },
      { type: 'SchemaMismatch', key: Buffer.from('k'), value: Buffer.from('{"id":"x"}') },
      { type: 'SchemaMismatch', key: Buffer.alloc(0), value: messageValue('') },
      { type: 'SchemaMismatch', key: Buffer.from('k'), value: messageValue('x'.repeat(1025)) },
    ];
    const bridge = await world.bridge(stream);
    await world.send(stream.topic, [
      ...poison.map(({ key, value }) => ({ key, value, headers, timestamp: '1700000000123' })),
      { key: 'good', value: messageValue('good') },
    ]);
    await until('the good one arrives', () => sink.objects.has('good'));
    await until(
      'all dead letters',
      async () => (await world.records(stream.deadLetterTopic)).length === poison.length,
    );
    const letters = await world.records(stream.deadLetterTopic);
    const byOffset = new Map(letters.map((one) => [deadLetterHeader(one, 'offset'), one]));
    poison.forEach(({ type, key, value }, offset) => {
      const letter = byOffset.get(String(offset))!;
      expect(letter.key).toEqual(key);
      expect(letter.value).toEqual(value);
      expect(letter.timestamp).toBe(1_700_000_000_123);
      expect(letter.headers.slice(0, 3)).toEqual([
        ['trace', Buffer.from([1, 2, 255])],
        ['twice', Buffer.from('a')],
        ['twice', Buffer.from('b')],
      ]);
      expect(deadLetterHeader(letter, 'error-type')).toBe(type);
      expect(deadLetterHeader(letter, 'workflow-id')).toBe(
        `${stream.name}-invalid-${stream.topic}-0-${offset}`,
      );
    });
    await until(
      'counted',
      async () =>
        (await counterValue(bridge.metrics.records, { outcome: 'invalid' })) === poison.length,
    );
    await until('committed', async () => (await world.lag(stream)) === 0);
  });

  test('hostile and long ids are delivered under safe workflow ids', async () => {
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    const ids = ['../../etc/passwd', 'a/b', '.', '..', '\u001b[31m', 'é'.repeat(1024), 'a"b\\c'];
    await world.bridge(stream);
    await world.send(
      stream.topic,
      ids.map((id) => ({ key: 'k', value: messageValue(id) })),
    );
    await until('all delivered', () => sink.objects.size === ids.length);
    for (const { workflowId } of sink.attempts) {
      expect(Buffer.byteLength(workflowId)).toBeLessThanOrEqual(255);
    }
  });
});

/** Waits for the only dead letter of the stream. */
async function onlyLetter({ deadLetterTopic }: AnyStream): Promise<KafkaRecord> {
  await until('a dead letter', async () => (await world.records(deadLetterTopic)).length > 0);
  const letters = await world.records(deadLetterTopic);
  expect(letters).toHaveLength(1);
  return letters[0]!;
}

test('a record below the payload limit is delivered, and a larger one is dead-lettered completely', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  const { topic } = stream;
  await world.setTopicConfig(topic, 'max.message.bytes', '5000000');
  await world.setTopicConfig(stream.deadLetterTopic, 'max.message.bytes', '5100000');
  const near = messageValue('near', 'x'.repeat(2_000_000));
  const over = messageValue('over', 'x'.repeat(2_200_000));
  await world.bridge(stream);
  await world.send(topic, [{ key: 'near', value: near }]);
  await world.send(topic, [{ key: 'over', value: over, headers: { kept: 'yes' } }]);
  await until('near is delivered', () => sink.objects.has('near'));
  expect(sink.objects.get('near')!.equals(near)).toBe(true);
  const letter = await onlyLetter(stream);
  expect(deadLetterHeader(letter, 'error-type')).toBe('RecordTooLarge');
  expect(letter.value!.equals(over)).toBe(true);
  expect(letter.headers[0]).toEqual(['kept', Buffer.from('yes')]);
});

test('a compressed record is dead-lettered completely, even if it is too large uncompressed', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  const value = messageValue('packed', 'x'.repeat(3_000_000));
  await world.bridge(stream);
  await world.send(stream.topic, [{ key: 'packed', value }], { compression: GZIP });
  const letter = await onlyLetter(stream);
  expect(deadLetterHeader(letter, 'error-type')).toBe('RecordTooLarge');
  expect(letter.value!.equals(value)).toBe(true);
});
