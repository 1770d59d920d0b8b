const M = 0x5bd1e995;

/** The hash by which the Java client chooses the partition of a key. A signed 32-bit integer. */
export function murmur2(bytes: Buffer): number {
  const { length } = bytes;
  let hash = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const k = Math.imul(bytes.readInt32LE(at), M);
    hash = Math.imul(hash, M) ^ Math.imul(k ^ (k >>> 24), M);
  }
  if (length - at > 2) hash ^= bytes[at + 2]! << 16;
  if (length - at > 1) hash ^= bytes[at + 1]! << 8;
  if (length - at > 0) hash = Math.imul(hash ^ bytes[at]!, M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** The partition of a key. While the number of partitions stays the same, a key always has the same partition. */
export function partitionOf(key: Buffer | string, partitions: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff) % partitions;
}
