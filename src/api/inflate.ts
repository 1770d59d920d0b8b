import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ProblemError } from './problem';

const unzip = promisify(gunzip);

/** The body without its `content-encoding`. Never unpacks more than `maxBytes`. */
export async function inflated(
  body: Buffer,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? 'identity';
  if (name === 'identity') return body;
  if (name !== 'gzip') {
    throw new ProblemError(415, 'content-encoding must be gzip or none', {
      'accept-encoding': 'gzip',
    });
  }
  try {
    return await unzip(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new ProblemError(413, `the unpacked body has more than ${maxBytes} bytes`);
    }
    throw new ProblemError(400, 'the body is not gzip');
  }
}
