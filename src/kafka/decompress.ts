import { gunzipSync } from 'node:zlib';
import { decompress as z } from 'fzstd';
import { decompress as l } from 'lz4js';
import { uncompress as s } from 'snappyjs';
export type Codec = 'gzip' | 'snappy' | 'lz4' | 'zstd';
const XERIAL_MAGIC = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0]);
export function decompress(codec: Codec, data: Buffer, limit: number): Buffer {
  if (codec === 'gzip') return gunzipSync(data, { maxOutputLength: limit });
  if (codec === 'zstd') return Buffer.from(z(data));
  if (codec === 'lz4') return Buffer.from(l(data));
  if (!data.subarray(0, 8).equals(XERIAL_MAGIC)) return Buffer.from(s(data));
  const blocks: Buffer[] = [];
  for (let at = 16; at < data.length;) {
    const end = at + 4 + data.readUInt32BE(at);
    blocks.push(Buffer.from(s(data.subarray(at + 4, end))));
    at = end;
  }
  return Buffer.concat(blocks);
}
