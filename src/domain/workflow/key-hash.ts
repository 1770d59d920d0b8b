import { hash } from 'node:crypto';
import type { KafkaRecord } from '../record/record';
import type { Ordering } from '../stream/stream';

/**
 * Length of a key hash: 66 bits of SHA-256. Two keys with equal hashes are delivered in one common order,
 * which is slower but still correct.
 */
const LENGTH = 11;
const WHOLE_PARTITION = '*';

/** A key, and the workflow that the key's next record must wait for. */
export type Predecessor = [keyHash: string, workflowId: string];

/**
 * The order that a record belongs to: records with equal results are delivered one after another.
 * `undefined`: none.
 */
export function keyHash(ordering: Ordering, { key }: KafkaRecord): string | undefined {
  if (ordering === 'partition') return WHOLE_PARTITION;
  if (ordering === 'none' || key === null) return undefined;
  return hash('sha256', key, 'base64url').slice(0, LENGTH);
}
