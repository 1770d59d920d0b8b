import { randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import fc from 'fast-check';
import { encryptionCodec } from '../../src/temporal/encryption/encryption-codec';
import { parseCommitMetadata } from '../../src/domain/commit-metadata';
import { chunkWorkflowIds } from '../../src/domain/workflow/chunk';
import {
  deadLetterHeader,
  deadLetterHeaders,
  originalHeaders,
} from '../../src/domain/workflow/dead-letter';
import { parseNow } from '../../src/domain/workflow/parse';
import {
  fitWorkflowId,
  recordWorkflowIds,
  truncateUtf8,
} from '../../src/domain/record/workflow-id';
import { PartitionCounters } from '../../src/bridge/partition/partition-counters';
import { parseTraceContext } from '../../src/domain/record/trace-context';
import { writtenBy, recordMetadata } from '../../src/sinks/object-store/object-metadata';
import { headerKey, objectName } from '../../src/sinks/object-name';
import { bytes, kafkaRecord, kafkaRecords, testStream } from '../domain/support/records';
import { sinkRecord } from '../sinks/support/write';
import { hostileIds, hostileText } from './support/hostile';
import './support/configure';

const position = fc.record({
  topic: fc.stringMatching(/^[a-zA-Z0-9._-]{1,249}$/),
  partition: fc.nat(100_000),
  offset: fc.nat(Number.MAX_SAFE_INTEGER),
  timestamp: fc.integer(),
});

test('each workflow id fits, has no control character, and belongs to one record only', () => {
  const templates = fc.constantFrom(
    '{stream}-{messageId}-{offset}',
    '{stream}/{partition}/{messageId}/{offset}',
    '{offset}{stream}{messageId}{topic}',
  );
  fc.assert(
    fc.property(templates, hostileIds, hostileIds, position, (template, one, other, place) => {
      const idsOf = (messageId: string) => [
        ...recordWorkflowIds(template, { ...place, stream: 's', messageId }),
      ];
      const ids = idsOf(one);
      for (const id of [
        ...ids,
        ...chunkWorkflowIds({ ...place, stream: 's', first: place.offset }),
      ]) {
        expect(Buffer.byteLength(id)).toBeLessThanOrEqual(255);
        expect(id).not.toMatch(/\p{Cc}/u);
        expect(fitWorkflowId(id)).toBe(id);
      }
      expect(new Set(ids).size).toBe(3);
      if (one !== other) expect(idsOf(other)[0]).not.toBe(ids[0]);
    }),
  );
});

test('chunks of one stream never share an id', () => {
  fc.assert(
    fc.property(position, position, (one, other) => {
      const idOf = ({ offset: first, ...place }: typeof one) =>
        [...chunkWorkflowIds({ ...place, stream: 's', first })][0];
      const same =
        one.topic === other.topic &&
        one.partition === other.partition &&
        one.offset === other.offset;
      expect(idOf(one) === idOf(other)).toBe(same);
    }),
  );
});

test('object names and headers made of ids are safe, and differ for different ids', () => {
  fc.assert(
    fc.property(hostileIds, hostileIds, (one, other) => {
      for (const nameOf of [objectName, headerKey]) {
        expect(nameOf(one)).toMatch(/^[A-Za-z0-9_%~-][A-Za-z0-9_%~.-]*$/);
        expect(nameOf(one).length).toBeLessThanOrEqual(200);
        if (one !== other) expect(nameOf(one)).not.toBe(nameOf(other));
      }
    }),
  );
});

test('metadata of objects is printable ASCII, and the record can be read from it', () => {
  fc.assert(
    fc.property(position, hostileIds, ({ topic, partition, offset }, workflowId) => {
      const metadata = recordMetadata(sinkRecord({ topic, partition, offset, workflowId }));
      for (const value of Object.values(metadata)) expect(value).toMatch(/^[!-~]*$/);
      expect(writtenBy(metadata)).toEqual({ topic, partition, offset });
    }),
  );
});

test("a dead letter keeps the failure, and the record's headers can be restored from it", () => {
  const failure = fc.record({ type: hostileText, message: hostileText, attempts: fc.nat() });
  fc.assert(
    fc.property(kafkaRecords, failure, hostileIds, (record, failed, workflowId) => {
      const added = deadLetterHeaders('s', record, failed, { workflowId, runId: 'r' }, new Date(0));
      const letter = { ...record, headers: [...originalHeaders(record), ...added] };
      expect(originalHeaders(letter)).toEqual(originalHeaders(record));
      expect(deadLetterHeader(letter, 'workflow-id')).toBe(workflowId);
      expect(deadLetterHeader(letter, 'offset')).toBe(String(record.offset));
      const message = truncateUtf8(failed.message, 4096).toWellFormed();
      expect(deadLetterHeader(letter, 'error-message')).toBe(message);
    }),
  );
});

test('parsers of records, commit metadata and trace headers accept any input without an error', () => {
  const texts = fc.oneof(hostileText, fc.json(), fc.constantFrom('{', 'null', '[]', '{"sink":{}}'));
  fc.assert(
    fc.property(bytes, texts, (value, text) => {
      for (const one of [value, Buffer.from(text)]) {
        const { ok } = parseNow(testStream(), kafkaRecord({ value: one }));
        expect(typeof ok).toBe('boolean');
      }
      const counters = new PartitionCounters();
      counters.load(parseCommitMetadata(text));
      expect(Object.values(JSON.parse(counters.toMetadata()) as object)).not.toContain(null);
      const trace = parseTraceContext(text, text);
      for (const header of Object.values(trace ?? {})) expect(header).toMatch(/^[ -~]+$/);
    }),
  );
});

test('an encrypted payload decrypts to the original, and a changed one is refused', async () => {
  const codec = encryptionCodec([{ id: 'k', key: randomBytes(32) }]);
  const payload: fc.Arbitrary<Payload> = fc.record({
    metadata: fc.dictionary(hostileIds, bytes, { noNullPrototype: true }),
    data: bytes,
  });
  const flat = ({ metadata, data }: Payload) => [
    Buffer.from(data ?? []).toString('hex'),
    Object.entries(metadata ?? {}).map(([name, value]) => [
      name,
      Buffer.from(value).toString('hex'),
    ]),
  ];
  await fc.assert(
    fc.asyncProperty(payload, fc.nat(), fc.integer({ min: 1, max: 255 }), async (one, at, bits) => {
      const [encrypted] = await codec.encode([one]);
      const [back] = await codec.decode([encrypted!]);
      expect(flat(back!)).toEqual(flat(one));
      const data = Buffer.from(encrypted!.data!);
      data[at % data.length]! ^= bits;
      await expect(codec.decode([{ ...encrypted!, data }])).rejects.toThrow(/was changed/);
    }),
  );
});
