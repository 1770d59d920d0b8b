import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/**
 * An HTTP server for answers that no real server gives on demand. `aside` answers requests that are no part of
 * the test; they are not listed.
 */
export async function fakeHttp(
  answer: (request: IncomingMessage) => FakeAnswer,
  aside: (request: IncomingMessage) => FakeAnswer | undefined = () => undefined,
) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const other = aside(request);
    if (!other) requests.push(request);
    request.resume().on('end', () => {
      const { status, headers = {}, body = '' } = other ?? answer(request);
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An error as S3 and Blob Storage send it. An answer to HEAD has only the header. */
export function xmlError(status: number, code: string, message = 'No.'): FakeAnswer {
  return {
    status,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': code },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}

/** The answer of a store that was tried before: the object of the trial exists. */
export function triedBefore({ url = '' }: IncomingMessage): FakeAnswer | undefined {
  return url.includes('.cloudsync-probe') ? xmlError(412, 'PreconditionFailed') : undefined;
}
