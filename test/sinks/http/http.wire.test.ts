import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { classifyError } from '../../../src/domain/errors';
import { httpSink, type HttpSinkOptions } from '../../../src/sinks/http/http';
import { RawReceiver } from '../support/raw-receiver';
import { write } from '../support/write';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const headers = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => `x-${i}: ${'v'.repeat(length)}\r\n`).join('');

let receiver: RawReceiver;
let sink: ReturnType<typeof httpSink>;
beforeEach(async () => {
  receiver = await RawReceiver.start((socket) => socket.write(OK));
  sink = open();
});
afterEach(async () => {
  await sink.close!();
  await receiver.close();
});

const open = (options: Partial<HttpSinkOptions> = {}) =>
  httpSink({ url: receiver.url, ...options });

/** The outcome of a delivery, or the class and the message of its failure. */
async function outcomeOf(value = Buffer.from('{}'), of = sink): Promise<string> {
  try {
    return (await write(of, { value })).outcome;
  } catch (error) {
    const { type, message } = classifyError(error);
    return `${type}: ${message.replace(receiver.url, 'URL')}`;
  }
}

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n';

test.each<[string, string | Buffer]>([
  ['an unexpected interim 100', `HTTP/1.1 100 Continue\r\n\r\n${OK}`],
  ['102', `HTTP/1.1 102 Processing\r\n\r\n${OK}`],
  ['103 with headers', `HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n${OK}`],
  ['an interim status of the future', `HTTP/1.1 199 Soon\r\n\r\n${OK}`],
  ['a hundred interim answers', `HTTP/1.1 100 Continue\r\n\r\n`.repeat(100) + OK],
  ['100 with a content length', `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n${OK}`],
  ['no reason phrase', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'],
  ['chunks', `${chunked}\r\n3\r\nabc\r\n0\r\n\r\n`],
  ['chunks with extensions', `${chunked}\r\n3;a=b\r\nabc\r\n0\r\n\r\n`],
  ['chunks with trailers', `${chunked}Trailer: X-A\r\n\r\n3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n`],
  ['a content encoding', answerWith(gzipSync('text'), 'Content-Encoding: gzip\r\n')],
  ['a content encoding that is not true', answerWith('text', 'Content-Encoding: gzip\r\n')],
  ['a content encoding that nobody knows', answerWith('text', 'Content-Encoding: zz\r\n')],
  ['headers of 40 KB', `HTTP/1.1 200 OK\r\n${headers(40, 1_000)}Content-Length: 0\r\n\r\n`],
  ['one header of 40 KB', `HTTP/1.1 200 OK\r\n${headers(1, 40_000)}Content-Length: 0\r\n\r\n`],
  ['two thousand headers', `HTTP/1.1 200 OK\r\n${headers(2_000, 1)}Content-Length: 0\r\n\r\n`],
  ['headers that are not ASCII', `HTTP/1.1 200 OK\r\nX-A: h\u00e9\r\nContent-Length: 0\r\n\r\n`],
])('an answer with %s counts as delivered, and its connection is used again', async (_, answer) => {
  receiver.answer = (socket) => socket.write(answer, 'latin1');
  expect(await outcomeOf()).toBe('written');
  expect(await outcomeOf()).toBe('written');
  expect(receiver.bodies).toEqual(['{}', '{}']);
  expect(receiver.connections).toBe(1);
});

test.each<[string, string]>([
  ['by HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\ntext'],
  ['without a length', 'HTTP/1.1 200 OK\r\n\r\ntext'],
  ['with Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
  ['that ends in the middle of its body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntext'],
  ['that ends in the middle of a chunk', `${chunked}\r\nff\r\nabc`],
  ['with a chunk of no length', `${chunked}\r\nxyz\r\nabc`],
])('an answer %s, and an end of the connection, counts as delivered', async (_, answer) => {
  receiver.answer = (socket) => socket.end(answer);
  expect(await outcomeOf()).toBe('written');
  expect(await outcomeOf()).toBe('written');
  expect(receiver.bodies).toEqual(['{}', '{}']);
  expect(receiver.connections).toBe(2);
});

test.each<[string, string, string]>([
  [
    '101',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    '101: the receiver changes to another protocol',
  ],
  [
    'a final answer that comes after 100 is none',
    `HTTP/1.1 100 Continue\r\n\r\nhello\r\n\r\n`,
    'HPE_',
  ],
  ['headers of 80 KB', `HTTP/1.1 200 OK\r\n${headers(80, 1_000)}\r\n`, 'HPE_HEADER_OVERFLOW'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'HPE_'],
  ['HTTP/2 without a word', '\0\0\x12\x04\0\0\0\0\0', 'HPE_'],
  ['the status is no number', 'HTTP/1.1 OK 200\r\n\r\n', 'HPE_'],
])('an answer is transient and gives the reason: %s', async (_, answer, words) => {
  receiver.answer = (socket) => socket.write(answer);
  const outcome = await outcomeOf();
  expect(outcome).toMatch(/^Transient: POST to URL /);
  expect(outcome).toContain(words);
});

test('an endless series of interim answers ends at the time-out', async () => {
  receiver.answer = (socket) => {
    const more = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 10);
    socket.once('close', () => clearInterval(more));
  };
  const outcome = await outcomeOf(undefined, open({ timeoutMs: 200 }));
  expect(outcome).toBe('Transient: POST to URL was not answered within 200 ms');
});

test('a connection that ends after interim answers is transient', async () => {
  receiver.answer = (socket) => socket.end('HTTP/1.1 100 Continue\r\n\r\n');
  expect(await outcomeOf()).toMatch(/^Transient: POST to URL failed: ECONNRESET/);
});

describe('an answer before the end of a large request', () => {
  const large = Buffer.alloc(20_000_000, 'x');
  const TOO_LARGE =
    'HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

  test('counts if the receiver keeps the connection open', async () => {
    receiver.early = (socket) => socket.write(TOO_LARGE);
    expect(await outcomeOf(large)).toMatch(/^Permanent: .* 413/);
  });

  test('counts if the receiver closes its side', async () => {
    receiver.early = (socket) => socket.end(TOO_LARGE);
    expect(await outcomeOf(large)).toMatch(/^Permanent: .* 413/);
  });

  test('counts, unless it is lost, if the receiver resets the connection', async () => {
    receiver.early = (socket) => socket.write(TOO_LARGE, () => socket.resetAndDestroy());
    // A reset may overtake the answer.
    expect(await outcomeOf(large)).toMatch(/^(Permanent: .* 413|Transient: .* (ECONNRESET|EPIPE))/);
  });

  test('does not affect the next request', async () => {
    receiver.early = (socket) => socket.write(TOO_LARGE.replace('Connection: close\r\n', ''));
    expect(await outcomeOf(large)).toMatch(/^Permanent: .* 413/);
    receiver.early = undefined;
    expect(await outcomeOf()).toBe('written');
    expect(receiver.connections).toBe(2);
  });
});

describe('a kept connection', () => {
  test('that the receiver closes at the next request makes the request be sent again', async () => {
    expect(await outcomeOf()).toBe('written');
    receiver.answer = (socket) => {
      receiver.answer = (next) => next.write(OK);
      socket.destroy();
    };
    expect(await outcomeOf(Buffer.from('{"a":1}'))).toBe('written');
    expect(receiver.bodies).toEqual(['{}', '{"a":1}', '{"a":1}']);
    expect(receiver.connections).toBe(2);
  });

  test('that the receiver resets at the next request makes the request be sent again', async () => {
    expect(await outcomeOf()).toBe('written');
    receiver.answer = (socket) => {
      receiver.answer = (next) => next.write(OK);
      socket.resetAndDestroy();
    };
    expect(await outcomeOf()).toBe('written');
    expect(receiver.connections).toBe(2);
  });

  test('that is reset at each request makes the request be sent at most twice', async () => {
    expect(await outcomeOf()).toBe('written');
    receiver.answer = (socket) => socket.resetAndDestroy();
    expect(await outcomeOf()).toMatch(/^Transient: POST to URL failed: .*ECONNRESET/);
    expect(receiver.bodies).toHaveLength(3);
  });

  test.each([
    ['200', OK],
    ['408', 'HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n'],
    ['a line', '\r\n'],
  ])(
    'that gets %s without a request does not use it as the answer to the next request',
    async (_, stray) => {
      let idle!: Socket;
      receiver.answer = (socket) => {
        receiver.answer = (next) => next.write('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
        (idle = socket).write(OK);
      };
      expect(await outcomeOf()).toBe('written');
      await new Promise((sent) => idle.write(stray, sent));
      // After these turns of the event loop the sink's side has read it.
      for (let turn = 0; turn < 3; turn++) await new Promise((next) => setImmediate(next));
      expect(await outcomeOf()).toMatch(/^Transient: .* 503/);
    },
  );

  test('that gets two answers to one request ignores the second answer', async () => {
    receiver.answer = (socket) => {
      receiver.answer = (next) => next.write('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
      socket.write(OK + OK);
    };
    expect(await outcomeOf()).toBe('written');
    expect(await outcomeOf()).toMatch(/^Transient: .* 503/);
  });
});

function answerWith(body: string | Buffer, more: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}
