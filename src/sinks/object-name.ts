import { createHash } from 'node:crypto';
import type { ChunkRange } from '../domain/record/record';

/** File systems and object stores take at most 255 bytes in one part of a path. */
const MAX_NAME_BYTES = 200;

/**
 * A name for the object of a message id, in which two ids never meet: everything but
 * `A-Z a-z 0-9 _ -` and inner dots is percent-encoded, so an id can neither leave its folder nor name
 * a hidden file; what gets too long keeps a prefix and ends in `~` (which encoding never leaves
 * standing) and the SHA-256 of the id, in hex.
 */
export function objectName(messageId: string): string {
  return percentEncoded(messageId, (character, index) => character === '.' && index > 0);
}

/**
 * A message id as the value of an HTTP header, in which two ids never meet: as {@link objectName}, but
 * without any dot, as the signed content of a webhook is delimited by dots. At most 200 characters.
 */
export function headerKey(messageId: string): string {
  return percentEncoded(messageId, () => false);
}

function percentEncoded(
  messageId: string,
  isPlain: (character: string, index: number) => boolean,
): string {
  const encoded = [...Buffer.from(messageId)]
    .map((byte, index) => {
      const character = String.fromCharCode(byte);
      const plain = /[A-Za-z0-9_-]/.test(character) || isPlain(character, index);
      return plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  if (encoded.length <= MAX_NAME_BYTES) return encoded;
  const hash = createHash('sha256').update(messageId).digest('hex');
  return `${encoded.slice(0, MAX_NAME_BYTES - hash.length - 1)}~${hash}`;
}

/** The folder of chunks' objects. No message has this name, as those bear an extension. */
export const CHUNKS = 'chunks';

/** A chunk's object, below the sink's folder. Kafka lets nothing but `A-Z a-z 0-9 . _ -` into topics. */
export function chunkPath({ topic, partition, first, last }: ChunkRange): string {
  return `${CHUNKS}/${topic}/${partition}/${first}-${last}.ndjson`;
}
