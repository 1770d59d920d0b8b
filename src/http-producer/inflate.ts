import { gunzipSync } from 'node:zlib';
import { ProblemError } from '../http/problem';

/**
 * The body without its `content-encoding`. Never unpacks more than `maxBytes`, and one body at a time: many
 * at once would be as many times that.
 */
export function inflated(body: Buffer, encoding: string | undefined, maxBytes: number): Buffer {
  const name = encoding?.trim().toLowerCase() ?? 'identity';
  if (name === 'identity') return body;
  if (name !== 'gzip') {
    throw new ProblemError(415, 'content-encoding must be gzip or none', {
      'accept-encoding': 'gzip',
    });
  }
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new ProblemError(413, `the unpacked body has more than ${maxBytes} bytes`);
    }
    throw new ProblemError(400, 'the body is not gzip');
  }
}
