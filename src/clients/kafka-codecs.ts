import { decompress as decompressZstd } from 'fzstd';
import { decompress as decompressLz4 } from 'lz4js';
import { uncompress as decompressSnappy } from 'snappyjs';

/** kafkajs reads gzip only; a batch in another format, which any producer may choose, would stop it. */
export const snappy = readOnly(uncompressSnappy);
export const lz4 = readOnly((data) => Buffer.from(decompressLz4(data)));
export const zstd = readOnly((data) => toBuffer(decompressZstd(data)));

/** What CloudSync sends itself is not compressed. */
function readOnly(decompress: (data: Buffer) => Buffer) {
  return () => ({
    compress: () => Promise.reject(new Error('writes no compressed batches')),
    // eslint-disable-next-line @typescript-eslint/require-await -- kafkajs wants a promise
    decompress: async (data: Buffer) => decompress(data),
  });
}

/** The stream format of snappy-java, which Java clients send; librdkafka sends one plain block. */
const XERIAL_MAGIC = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0]);
const XERIAL_HEADER_BYTES = XERIAL_MAGIC.length + 8;

function uncompressSnappy(data: Buffer): Buffer {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    return toBuffer(decompressSnappy(data));
  }
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < data.length;) {
    const end = at + 4 + data.readUInt32BE(at);
    blocks.push(toBuffer(decompressSnappy(data.subarray(at + 4, end))));
    at = end;
  }
  return Buffer.concat(blocks);
}

function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
