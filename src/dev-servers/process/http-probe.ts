import { get } from 'node:http';

/** Whether an HTTP server whose `Server` header matches `kind` answers at this port of 127.0.0.1. */
export function httpServerAnswers(port: number, kind: RegExp, timeoutMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, agent: false }, (response) => {
      resolve(kind.test(String(response.headers.server)));
      response.destroy();
    });
    request.setTimeout(timeoutMs, () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
  });
}
