import { gunzipSync } from 'node:zlib';
import { ProblemError } from '../http/problem';

/**
 * Removes the `content-encoding` of a body. Never unpacks more than `maxBytes`, and works on one body at a time,
 * because each body at work takes up to `maxBytes`. Throws a {@link ProblemError}: 413 if the body is larger, 415
 * for an encoding other than gzip, 400 if the body is not gzip.
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
