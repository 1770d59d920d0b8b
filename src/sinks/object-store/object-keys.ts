import type { ChunkRange } from '../../domain/record/record';
import { UsageError } from '../../domain/errors';
import { chunkPath, objectName } from '../object-name';

/** With the longest topic and offsets, or the longest message name, a key stays below 1,024 bytes. */
const MAX_PREFIX_BYTES = 512;
/** Some servers keep each part of a key as a folder. */
const MAX_PART_BYTES = 255;

/** The keys of a sink's objects, and what the object of a key is. Those of two kinds never meet. */
export interface ObjectKeys {
  /** What all keys begin with: empty, or ends in `/`. */
  folder: string;
  message(messageId: string): string;
  chunk(range: ChunkRange): string;
  /** Undefined for an object of somebody else's in the same folder. */
  kind(key: string): 'message' | 'chunk' | undefined;
}

/** Throws a {@link UsageError} where prefix or extension would make keys that a store refuses. */
export function objectKeys(prefix = '', extension = 'json'): ObjectKeys {
  const fault = prefixFault(prefix);
  if (fault) throw new UsageError(`the prefix of the objects ${fault}`);
  if (!/^[A-Za-z0-9]{1,16}$/.test(extension)) {
    throw new UsageError('the extension of the objects must be 1 to 16 letters and digits');
  }
  const folder = prefix === '' ? '' : `${prefix}/`;
  const message = new RegExp(`^[^/]+\\.${extension}$`);
  const chunk = /^chunks\/[^/]+\/\d+\/\d+-\d+\.ndjson$/;
  return {
    folder,
    message: (messageId) => `${folder}${objectName(messageId)}.${extension}`,
    chunk: (range) => `${folder}${chunkPath(range)}`,
    kind(key) {
      if (!key.startsWith(folder)) return undefined;
      const rest = key.slice(folder.length);
      if (message.test(rest)) return 'message';
      return chunk.test(rest) ? 'chunk' : undefined;
    },
  };
}

/** What is wrong with a prefix, as the end of a sentence. */
export function prefixFault(prefix: string): string | undefined {
  if (prefix === '') return undefined;
  const parts = prefix.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    return 'must be names separated by "/", without one at the beginning or the end, "." or ".."';
  }
  if (!/^[^\p{Cc}\\]+$/u.test(prefix) || !prefix.isWellFormed()) {
    return 'must not contain control characters or backslashes';
  }
  if (parts.some((part) => Buffer.byteLength(part) > MAX_PART_BYTES)) {
    return `must have parts of at most ${MAX_PART_BYTES} bytes`;
  }
  return Buffer.byteLength(prefix) > MAX_PREFIX_BYTES
    ? `must have at most ${MAX_PREFIX_BYTES} bytes`
    : undefined;
}
