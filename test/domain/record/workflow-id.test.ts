import fc from 'fast-check';
import {
  checkWorkflowIdTemplate,
  DEFAULT_WORKFLOW_ID_TEMPLATE,
  fitWorkflowId,
  invalidRecordWorkflowIds,
  MAX_WORKFLOW_ID_BYTES,
  recordWorkflowIdPrefix,
  recordWorkflowIds,
  truncateUtf8,
  type RecordIdentity,
} from '../../../src/domain/record/workflow-id';
import { messageIds } from '../support/records';

const identity: RecordIdentity = {
  stream: 'aws',
  messageId: '42',
  topic: 'orders',
  partition: 3,
  offset: 1007,
  timestamp: 1_700_000_000_123,
};

function ids(given: Partial<RecordIdentity> = {}, template = DEFAULT_WORKFLOW_ID_TEMPLATE) {
  return [...recordWorkflowIds(template, { ...identity, ...given })];
}

describe('recordWorkflowIds', () => {
  test('makes the first id of stream, message id and offset', () => {
    expect(ids()[0]).toBe('aws-42-1007');
  });

  test('adds the position to the next id, and the time to the one after it', () => {
    expect(ids()).toEqual([
      'aws-42-1007',
      'aws-42-1007~orders-3',
      'aws-42-1007~orders-3-1700000000123',
    ]);
  });

  test('fills in every placeholder of a template, also repeatedly', () => {
    const template = '{stream}/{topic}/{partition}/{offset}/{messageId}/{offset}';
    expect(ids({}, template)[0]).toBe('aws/orders/3/1007/42/1007');
  });

  test('does not interpret placeholders and patterns in a message id', () => {
    expect(ids({ messageId: '{offset}-$&-$1' })[0]).toBe('aws-{offset}-$&-$1-1007');
  });

  test('gives records of one partition different ids, whatever their message ids are', () => {
    const record = fc.record({ messageId: messageIds, offset: fc.nat(2_000) });
    fc.assert(
      fc.property(record, record, (one, other) => {
        fc.pre(one.messageId !== other.messageId || one.offset !== other.offset);
        expect(ids(one)[0]).not.toBe(ids(other)[0]);
      }),
      { numRuns: 1_000 },
    );
  });

  test('gives records with different positions or times different further ids', () => {
    const place = fc.record({
      partition: fc.nat(20),
      timestamp: fc.nat(20),
      messageId: messageIds,
    });
    fc.assert(
      fc.property(place, place, (one, other) => {
        fc.pre(one.partition !== other.partition || one.timestamp !== other.timestamp);
        expect(ids({ ...one, messageId: 'm' })[2]).not.toBe(ids({ ...other, messageId: 'm' })[2]);
        // Ids that are cut differ too: the hash covers the whole id.
        const long = 'é'.repeat(300);
        expect(ids({ ...one, messageId: long })[2]).not.toBe(ids({ ...other, messageId: long })[2]);
      }),
    );
  });

  test('makes ids of at most 255 bytes of UTF-8, without control characters', () => {
    fc.assert(
      fc.property(messageIds, fc.nat(Number.MAX_SAFE_INTEGER), (messageId, offset) => {
        for (const id of ids({ messageId, offset, topic: 't'.repeat(249) })) {
          expect(Buffer.byteLength(id)).toBeLessThanOrEqual(MAX_WORKFLOW_ID_BYTES);
          expect(id).not.toMatch(/\p{Cc}/u);
          expect(id.isWellFormed()).toBe(true);
          expect(id).not.toContain('\ufffd'.repeat(2));
        }
      }),
      { examples: [['\u{1f600}'.repeat(512), 1]] },
    );
  });
});

describe('invalidRecordWorkflowIds', () => {
  test('name the position, and further ones add the time', () => {
    expect([...invalidRecordWorkflowIds('aws', identity)]).toEqual([
      'aws-invalid-orders-3-1007',
      'aws-invalid-orders-3-1007~1700000000123',
    ]);
  });

  test('fit even for the longest stream and topic names', () => {
    const longest = { ...identity, topic: 't'.repeat(249), offset: Number.MAX_SAFE_INTEGER };
    const [first, second] = [...invalidRecordWorkflowIds('s'.repeat(64), longest)];
    expect(Buffer.byteLength(first!)).toBe(MAX_WORKFLOW_ID_BYTES);
    expect(Buffer.byteLength(second!)).toBe(MAX_WORKFLOW_ID_BYTES);
    expect(first).not.toBe(second);
  });
});

describe('fitWorkflowId', () => {
  const hash = /-[0-9a-f]{64}$/;

  test.each([
    ['255 one-byte characters', 'x'.repeat(255)],
    ['127 two-byte characters and one more byte', `${'é'.repeat(127)}x`],
    ['63 four-byte characters and three more bytes', `${'😀'.repeat(63)}xyz`],
  ])('keeps %s', (_, id) => {
    expect(Buffer.byteLength(id)).toBe(255);
    expect(fitWorkflowId(id)).toBe(id);
  });

  test.each([
    ['256 one-byte characters', 'x'.repeat(256)],
    ['128 two-byte characters', 'é'.repeat(128)],
    ['64 four-byte characters', '😀'.repeat(64)],
  ])('cuts %s to a readable prefix and a hash', (_, id) => {
    expect(Buffer.byteLength(id)).toBe(256);
    const fitted = fitWorkflowId(id);
    expect(fitted).toMatch(hash);
    expect(id.startsWith(fitted.replace(hash, ''))).toBe(true);
    expect(Buffer.byteLength(fitted)).toBeGreaterThan(255 - 4);
    expect(Buffer.byteLength(fitted)).toBeLessThanOrEqual(255);
  });

  test('adds the SHA-256 of the whole id in hex', () => {
    expect(fitWorkflowId('abc\0').slice(-64)).toBe(
      'dc1114cd074914bd872cc1f9a23ec910ea2203bc79779ab2e17da25782a624fc',
    );
  });

  test.each(['\0', '\n', '\u001b[31m', '\u007f', '\u009b'])(
    'replaces %j and adds a hash',
    (odd) => {
      const fitted = fitWorkflowId(`before${odd}after`);
      expect(fitted).toMatch(/^before_/);
      expect(fitted).toMatch(hash);
      expect(fitted).not.toMatch(/\p{Cc}/u);
    },
  );

  test('gives ids that differ only in control characters different results', () => {
    const fitted = ['a\0b', 'a\nb', 'a_b'].map(fitWorkflowId);
    expect(new Set(fitted).size).toBe(3);
  });
});

describe('checkWorkflowIdTemplate', () => {
  test.each([
    DEFAULT_WORKFLOW_ID_TEMPLATE,
    '{offset}{messageId}{stream}',
    'x{stream}{messageId}{offset}{topic}{partition}',
  ])('accepts %s', (template) => expect(checkWorkflowIdTemplate(template)).toBeUndefined());

  test.each([
    ['', 'must contain {stream}, {messageId}, {offset}'],
    ['{stream}-{messageId}', 'must contain {offset}'],
    ['{messageId}-{offset}', 'must contain {stream}'],
    ['{stream}-{topic}-{partition}-{offset}', 'must contain {messageId}'],
    ['{stream}-{messageid}-{offset}', 'unknown placeholder {messageid}'],
    ['{stream}-{messageId}-{offset}-{key}-{x}', 'unknown placeholder {key}, {x}'],
    ['{stream}-{messageId}-{offset}-{constructor}', 'unknown placeholder {constructor}'],
  ])('refuses %j', (template, fault) => {
    expect(checkWorkflowIdTemplate(template)).toContain(fault);
  });
});

describe('truncateUtf8', () => {
  test('returns the longest prefix that fits and cuts no character in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(30), (text, limit) => {
        const cut = truncateUtf8(text, limit);
        expect(text.startsWith(cut)).toBe(true);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(limit);
        const next = [...text.slice(cut.length)][0];
        if (next !== undefined) expect(Buffer.byteLength(cut + next)).toBeGreaterThan(limit);
      }),
      { numRuns: 500 },
    );
  });
});

test('all workflow ids of a message begin with its prefix, whatever the template, the partition and the offset are', () => {
  fc.assert(
    fc.property(
      messageIds,
      fc.nat(1_000),
      fc.nat(Number.MAX_SAFE_INTEGER),
      fc.constantFrom(
        DEFAULT_WORKFLOW_ID_TEMPLATE,
        '{stream}-{topic}-{partition}-{messageId}-{offset}',
        '{messageId}{topic}{offset}{stream}',
        '{offset}-{stream}-{messageId}',
      ),
      (messageId, partition, offset, template) => {
        const known = { stream: 'test', messageId, topic: 'topic' };
        const prefix = recordWorkflowIdPrefix(template, known);
        const record = { ...known, partition, offset, timestamp: 1_700_000_000_123 };
        for (const id of recordWorkflowIds(template, record)) {
          expect(id.startsWith(prefix)).toBe(true);
        }
      },
    ),
  );
  expect(
    recordWorkflowIdPrefix(DEFAULT_WORKFLOW_ID_TEMPLATE, {
      ...{ stream: 'aws', messageId: 'a\nb', topic: 't' },
    }),
  ).toBe('aws-a_b-');
});
