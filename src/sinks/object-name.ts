import { createHash } from 'node:crypto';
import type { ChunkRange } from '../domain/record/record';

/** File systems and object stores accept at most 255 bytes in one part of a path, with the extension. */
const MAX_NAME_BYTES = 200;

/**
 * Name of the object of a message id. Two ids never have the same name. Every byte but `A-Z a-z 0-9 _ -` and
 * inner dots is percent-encoded, so an id can neither leave its folder nor name a hidden file. A name that would
 * be too long keeps a prefix, and ends in `~` and the SHA-256 of the id in hex. Encoding leaves no other `~` in a
 * name.
 */
export function objectName(messageId: string): string {
  return percentEncoded(messageId, (character, index) => character === '.' && index > 0);
}

/**
 * A message id as the value of an HTTP header, at most 200 characters. Two ids never have the same value. The
 * encoding is that of {@link objectName}, but without any dot, because dots delimit the signed content of a
 * webhook.
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

/** Folder of the chunks' objects. No message's object has this name, because it has an extension. */
export const CHUNKS = 'chunks';

/** Path of a chunk's object below the sink's folder. Kafka allows only `A-Z a-z 0-9 . _ -` in a topic's name. */
export function chunkPath({ topic, partition, first, last }: ChunkRange): string {
  return `${CHUNKS}/${topic}/${partition}/${first}-${last}.ndjson`;
}
