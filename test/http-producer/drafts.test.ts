import fc from 'fast-check';
import { draftsOf } from '../../src/http-producer/drafts';
import { ProblemError } from '../../src/http/problem';

const NDJSON = 'application/x-ndjson';
const drafts = (type: string, body: string | Buffer, maxRecords = 100, headers: object = {}) =>
  draftsOf(Buffer.from(body as string), { 'content-type': type, ...headers }, { maxRecords });
const values = (type: string, body: string | Buffer, maxRecords?: number) =>
  drafts(type, body, maxRecords).map((draft) => ('value' in draft ? String(draft.value) : draft));

function problem(run: () => unknown): ProblemError {
  try {
    run();
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error('it did not throw');
}

describe('NDJSON', () => {
  test.each([
    ['{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
    ['{"a":1}\r\n\r\n \t\n{"b":2}', ['{"a":1}', '{"b":2}']],
    ['no json\n[', ['no json', '[']],
    ['\n\n1', ['1']],
  ])('%j is split into its lines', (body, expected) =>
    expect(values(NDJSON, body)).toEqual(expected),
  );

  test('keeps the bytes of each line', () => {
    const line = fc.jsonValue().map((value) => JSON.stringify(value));
    const end = fc.constantFrom('\n', '\r\n', '\n\n', ' \n');
    fc.assert(
      fc.property(fc.array(fc.tuple(line, end), { minLength: 1 }), fc.boolean(), (lines, cut) => {
        const body = lines.flat().join('');
        expect(values(NDJSON, cut ? body.trimEnd() : body, 1_000)).toEqual(
          lines.map(([text]) => text),
        );
      }),
    );
  });
});

describe('JSON', () => {
  test('makes the body one message if it is no array', () => {
    const body = ' {"id": 1.0, "id": 12345678901234567890}\n';
    expect(values('application/json; charset=utf-8', body)).toEqual([body]);
  });

  test('makes each element of an array a message', () => {
    expect(values('Application/JSON', '[{"a":1.0}, 2]')).toEqual(['{"a":1.0}', '2']);
  });

  test.each(['{', '', '[1,]', '\ufeff[]', '{} {}'])('refuses the body %j', (body) => {
    expect(problem(() => drafts('application/json', body))).toMatchObject({
      status: 400,
      detail: expect.stringContaining('not JSON') as string,
    });
  });

  test('refuses a body that is not UTF-8', () => {
    const body = Buffer.from([0x22, 0xc0, 0x80, 0x22]);
    expect(problem(() => drafts('application/json', body)).detail).toContain('UTF-8');
  });
});

test.each([
  [NDJSON, '1\n2\n3'],
  ['application/json', '[1,2,3]'],
  ['application/cloudevents-batch+json', '[1,2,3]'],
])('too many messages are refused as %s', (type, body) => {
  expect(problem(() => drafts(type, body, 2))).toMatchObject({
    status: 413,
    detail: 'a request may hold 2 messages at most',
  });
  expect(drafts(type, body, 3)).toHaveLength(3);
});

test.each([
  [NDJSON, '\n \n'],
  ['application/json', '[]'],
  ['application/cloudevents-batch+json', '[]'],
])('a body without a message is refused as %s', (type, body) => {
  expect(problem(() => drafts(type, body))).toMatchObject({ status: 400 });
});

test('a batch of CloudEvents that is no array is refused', () => {
  expect(problem(() => drafts('application/cloudevents-batch+json', '{}')).status).toBe(400);
});

test.each(['application/json', 'application/cloudevents-batch+json'])(
  '%s: an array with far too many elements is refused before its elements are copied',
  (type) => {
    const subarray = jest.spyOn(Buffer.prototype, 'subarray');
    try {
      expect(problem(() => values(type, `[${'0,'.repeat(1_000)}0]`)).status).toBe(413);
      expect(subarray.mock.calls.length).toBeLessThan(1_000);
    } finally {
      subarray.mockRestore();
    }
  },
);
