import { isUtf8 } from 'node:buffer';

/**
 * Bytes inside JSON. Valid UTF-8 stays text, so that people can read it in the Temporal UI. All other bytes
 * become base64, so that no byte is lost.
 */
export type EncodedBytes =
  | string
  | {
      /** The bytes in base64. */
      base64: string;
    };

export function encodeBytes(bytes: Uint8Array): EncodedBytes {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString('utf8') : { base64: buffer.toString('base64') };
}

export function decodeBytes(encoded: EncodedBytes): Buffer {
  return typeof encoded === 'string'
    ? Buffer.from(encoded, 'utf8')
    : Buffer.from(encoded.base64, 'base64');
}
