import { hash } from 'node:crypto';
import type { KafkaRecord } from '../record/record';
import type { Ordering } from '../stream/stream';

/**
 * 66 bits of SHA-256. Two keys that share them are delivered in one order, which is slower, and no less
 * right.
 */
const LENGTH = 11;
const WHOLE_PARTITION = '*';

/** A key, and the workflow that the next record of the key must wait for. */
export type Predecessor = [keyHash: string, workflowId: string];

/** Which records of its partition a record has an order with; `undefined`: with none. */
export function keyHash(ordering: Ordering, { key }: KafkaRecord): string | undefined {
  if (ordering === 'partition') return WHOLE_PARTITION;
  if (ordering === 'none' || key === null) return undefined;
  return hash('sha256', key, 'base64url').slice(0, LENGTH);
}
