import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/**
 * An HTTP server of a test's own, for answers that no real one gives on demand. `aside` answers what is no
 * part of the test, and is not among the requests.
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

/** An error as S3 and Blob Storage send it; a HEAD answer can carry the header only. */
export function xmlError(status: number, code: string, message = 'No.'): FakeAnswer {
  return {
    status,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': code },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}

/** What a store answers that has been tried before: the object of the trial is there. */
export function triedBefore({ url = '' }: IncomingMessage): FakeAnswer | undefined {
  return url.includes('.cloudsync-probe') ? xmlError(412, 'PreconditionFailed') : undefined;
}
