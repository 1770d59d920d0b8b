import type { ChunkRange } from '../../domain/record/record';
import { UsageError } from '../../domain/errors';
import { chunkPath, objectName } from '../object-name';

/**
 * With this limit a key stays below 1,024 bytes, even with the longest topic and offsets or the longest message
 * name.
 */
const MAX_PREFIX_BYTES = 512;
/** Some servers keep each part of a key as a folder. */
const MAX_PART_BYTES = 255;

/** The keys of a sink's objects, and the kind of object that a key names. Keys of two kinds never coincide. */
export interface ObjectKeys {
  /** Beginning of all keys: empty, or a text that ends in `/`. */
  folder: string;
  message(messageId: string): string;
  chunk(range: ChunkRange): string;
  /** Undefined for an object in the same folder that does not belong to the sink. */
  kind(key: string): 'message' | 'chunk' | undefined;
}

/** Throws a {@link UsageError} if prefix or extension would make keys that a store refuses. */
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

/** The fault of a prefix, as the end of a sentence; undefined if there is none. */
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
