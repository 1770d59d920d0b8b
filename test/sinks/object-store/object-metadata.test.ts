import fc from 'fast-check';
import { recordMetadata, writtenBy } from '../../../src/sinks/object-store/object-metadata';
import { sinkRecord } from '../support/write';

test('recordMetadata names the record and its content', () => {
  expect(recordMetadata(sinkRecord({ value: Buffer.from('abc') }))).toEqual({
    cloudsync_sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    cloudsync_record: 'topic/0/7',
    cloudsync_workflow_id: 'test-42-7',
  });
});

test('recordMetadata is visible ASCII for any names, and the record can be read from it', () => {
  const positions = fc.record({
    topic: fc.string({ unit: 'grapheme', minLength: 1 }),
    partition: fc.nat(),
    offset: fc.nat(Number.MAX_SAFE_INTEGER),
  });
  fc.assert(
    fc.property(positions, fc.string({ unit: 'binary' }), (position, workflowId) => {
      const metadata = recordMetadata(sinkRecord({ ...position, workflowId }));
      expect(Object.values(metadata).filter((value) => !/^[!-~]*$/.test(value))).toEqual([]);
      expect(writtenBy(metadata)).toEqual(position);
    }),
  );
});

test('the largest metadata are below the 2 KB that S3 accepts', () => {
  const workflowId = '\u0001'.repeat(255);
  const traceparent = Buffer.from(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
  const metadata = recordMetadata(
    sinkRecord({
      ...{ topic: 't'.repeat(249), partition: 2 ** 31 - 1, offset: Number.MAX_SAFE_INTEGER },
      ...{ workflowId, headers: [['traceparent', traceparent]] },
    }),
  );
  expect(Object.keys(metadata)).toHaveLength(4);
  expect(Object.entries(metadata).flat().join('').length).toBeLessThan(2_048);
});

test.each([
  {},
  { cloudsync_record: '' },
  { cloudsync_record: 'a/b/c' },
  { cloudsync_record: '1/2' },
])('writtenBy finds no record in %j', (metadata) =>
  expect(writtenBy(metadata as Record<string, string>)).toBeUndefined(),
);
