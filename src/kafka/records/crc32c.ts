import { crc32c as checksum } from '@node-rs/crc32';

/**
 * The checksum of a record batch (CRC-32C, Castagnoli). It runs over every byte that is fetched, so it is
 * native: four times as fast as tables of slicing by 8 in JavaScript, fifty times as fast as `@aws-crypto/crc32c`.
 * Its binaries come as packages of npm for each platform, so that nothing is downloaded or built at install.
 */
export function crc32c(bytes: Uint8Array): number {
  return checksum(bytes);
}
