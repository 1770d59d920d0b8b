import { hash } from 'node:crypto';
import type { KafkaRecord } from './record';

/** A hash of a record's key and value, by which two contents are compared. */
export function contentDigest({ key, value }: Pick<KafkaRecord, 'key' | 'value'>): string {
  // Both hashes have a fixed length, so the digest also depends on where the key ends and the value begins.
  return sha256(Buffer.from([key, value].map((one) => (one ? sha256(one) : 'null')).join()));
}

/** SHA-256 in hexadecimal digits. */
export function sha256(bytes: Buffer): string {
  return hash('sha256', bytes, 'hex');
}
