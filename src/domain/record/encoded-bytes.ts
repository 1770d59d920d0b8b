import { isUtf8 } from 'node:buffer';

/**
 * Bytes inside JSON. Text stays text, so that it can be read in the Temporal UI; what is not valid
 * UTF-8 becomes base64, so that every byte survives.
 */
export type EncodedBytes = string | { base64: string };

export function encodeBytes(bytes: Uint8Array): EncodedBytes {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString('utf8') : { base64: buffer.toString('base64') };
}

export function decodeBytes(encoded: EncodedBytes): Buffer {
  return typeof encoded === 'string'
    ? Buffer.from(encoded, 'utf8')
    : Buffer.from(encoded.base64, 'base64');
}
