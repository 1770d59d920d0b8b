import { crc32c as checksum } from '@node-rs/crc32';

/**
 * The checksum of a record batch (CRC-32C, Castagnoli). It runs over every fetched byte, so it is native code:
 * four times as fast as slicing-by-8 tables in JavaScript, and fifty times as fast as `@aws-crypto/crc32c`. npm
 * has packages with its binaries for each platform, so the install neither downloads from elsewhere nor builds.
 */
export function crc32c(bytes: Uint8Array): number {
  return checksum(bytes);
}
