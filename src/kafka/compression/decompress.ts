import type { Codec } from './decompress-errors';
import { gunzip } from './gzip';
import { unpackLz4 } from './lz4';
import { unpackSnappy } from './snappy';
import { unpackZstd } from './zstd';

/**
 * Unpacks the bytes that a producer compressed. Throws a CorruptDataError if the data breaks the rules of its
 * format. Throws a TooLargeError if it would unpack to more than `limit` bytes, before it uses more memory than
 * that.
 */
export function decompress(codec: Codec, data: Buffer, limit: number): Buffer {
  switch (codec) {
    case 'gzip':
      return gunzip(data, limit);
    case 'snappy':
      return unpackSnappy(data, limit);
    case 'lz4':
      return unpackLz4(data, limit);
    case 'zstd':
      return unpackZstd(data, limit);
  }
}
