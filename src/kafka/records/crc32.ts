import { crc32 as checksum } from '@node-rs/crc32';

/** The checksum of a message of format v0 or v1: CRC-32 of IEEE 802.3, as in zlib. */
export function crc32(bytes: Uint8Array): number {
  return checksum(bytes);
}
