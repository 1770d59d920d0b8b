import { parseTraceContext, traceContextOf } from '../../../src/domain/record/trace-context';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('trace context', () => {
  it('is read from the headers of a record', () => {
    const headers: [string, Buffer | null][] = [
      ['other', null],
      ['traceparent', Buffer.from(TRACEPARENT)],
      ['tracestate', Buffer.from('vendor=1')],
    ];
    expect(traceContextOf({ headers })).toEqual({
      traceparent: TRACEPARENT,
      tracestate: 'vendor=1',
    });
    expect(traceContextOf({ headers: headers.slice(0, 2) })).toEqual({ traceparent: TRACEPARENT });
    expect(traceContextOf({ headers: [] })).toBeUndefined();
  });

  it.each([
    ['no value', undefined],
    ['another form', 'abc'],
    ['upper case', TRACEPARENT.toUpperCase()],
    [
      'a trace id of zeros',
      TRACEPARENT.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32)),
    ],
    ['a parent id of zeros', TRACEPARENT.replace('b7ad6b7169203331', '0'.repeat(16))],
    ['version ff', TRACEPARENT.replace(/^00/, 'ff')],
    ['a line break at the end', `${TRACEPARENT}\n`],
  ])('is undefined with %s', (_, value) => {
    expect(parseTraceContext(value)).toBeUndefined();
  });

  it('skips a tracestate with characters that no header may contain', () => {
    expect(parseTraceContext(TRACEPARENT, 'a=1\r\nset-cookie: x')).toEqual({
      traceparent: TRACEPARENT,
    });
    expect(parseTraceContext(TRACEPARENT, 'a'.repeat(513))).toEqual({ traceparent: TRACEPARENT });
  });
});
