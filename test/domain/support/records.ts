import fc from 'fast-check';
import { z } from 'zod';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { defineStream, type StreamOptions } from '../../../src/domain/stream/stream';

/** A record with a valid message of the test stream. `given` overrides fields. */
export function kafkaRecord(given: Partial<KafkaRecord> = {}): KafkaRecord {
  return {
    topic: 'topic',
    partition: 0,
    offset: 7,
    timestamp: 1_700_000_000_123,
    key: null,
    value: Buffer.from('{"id":"42"}'),
    headers: [],
    ...given,
  };
}

const schema = z.object({ id: z.string() });

/** A stream whose messages have only an id, and whose sink accepts everything. */
export function testStream(given: Partial<StreamOptions<typeof schema>> = {}) {
  return defineStream({
    name: 'test',
    topic: 'topic',
    schema,
    sink: () => Promise.resolve(),
    ...given,
  });
}

/** Bytes of every kind: arbitrary bytes, text, and bytes that UTF-8 decoders tend to change. */
export const bytes: fc.Arbitrary<Buffer> = fc
  .oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ unit: 'binary' }).map((text) => new TextEncoder().encode(text)),
    fc.constantFrom(
      new Uint8Array(),
      Uint8Array.of(0xef, 0xbb, 0xbf),
      Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d),
      Uint8Array.of(0xc0, 0x80),
      Uint8Array.of(0xed, 0xa0, 0x80),
      Uint8Array.of(0xf0, 0x9f, 0x98),
      Uint8Array.of(0),
    ),
  )
  .map((array) => Buffer.from(array));

export const nullableBytes = fc.option(bytes, { freq: 4 });

/** Header names, with some that a plain object would lose or mistake. */
export const headerNames = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '1', 'traceparent'),
);

export const kafkaRecords: fc.Arbitrary<KafkaRecord> = fc.record({
  topic: fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/),
  partition: fc.nat(1_000),
  offset: fc.nat(Number.MAX_SAFE_INTEGER),
  timestamp: fc.nat(2 ** 42),
  key: nullableBytes,
  value: nullableBytes,
  headers: fc.array(fc.tuple(headerNames, nullableBytes), { maxLength: 6 }),
});

/** Message ids that `parseRecord` accepts. */
export const messageIds = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 400 }),
  fc.stringMatching(/^[-~0-9a-z.%_/]{1,12}$/),
  fc.constantFrom('.', '..', '.hidden', '../up', 'a/b', 'a\\b', '~', '-', '{offset}', 'NUL\0', 'é'),
);
