import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { UsageError } from '../../../src/domain/errors';
import { httpSender } from '../../../src/reference/scenarios/http-sender';

interface Seen {
  url: string | undefined;
  authorization: string | undefined;
  type: string | undefined;
  body: string;
}

let server: Server;
let seen: Seen[];
/** Status and Retry-After of each answer in turn. `undefined` cuts the connection. */
let answers: ([number, string?] | undefined)[];

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const { authorization, 'content-type': type } = request.headers;
      seen.push({ url: request.url, authorization, type, body });
      const answer = answers.shift();
      if (!answer) return request.socket.destroy();
      const [status, retryAfter] = answer;
      response.writeHead(status, retryAfter ? { 'retry-after': retryAfter } : {}).end('{"why":1}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

test('httpSender posts the value unchanged, with the token', async () => {
  answers = [[202]];
  await httpSender(url(), 'secret')('a', '{"id":"a"}');
  expect(seen).toEqual([
    {
      url: '/v1/messages',
      authorization: 'Bearer secret',
      type: 'application/json',
      body: '{"id":"a"}',
    },
  ]);
});

test('httpSender retries if the producer is full, fails or cuts the connection', async () => {
  answers = [[503, '1'], [429], undefined, [500], [202]];
  await httpSender(url())('a', '{}');
  expect(seen).toHaveLength(5);
});

test('httpSender fails with the reason and without a retry if a message is refused', async () => {
  answers = [[400]];
  const sent = httpSender(url())('a', '{}');
  await expect(sent).rejects.toThrow(UsageError);
  await expect(sent).rejects.toThrow('/v1/messages does not take messages: 400 {"why":1}');
  expect(seen).toHaveLength(1);
});
