import { hash } from 'node:crypto';
import { fitWorkflowId } from '../record/workflow-id';

/** What follows a dead record of a key, under `ordering: 'key'`. */
export type AfterDeadLetter = 'continue' | 'hold';
export const AFTER_DEAD_LETTER = ['continue', 'hold'] as const satisfies readonly AfterDeadLetter[];

/**
 * A dead-lettered record of a held key: its offset, and the {@link recordMark} by which it is recognized when
 * it comes again.
 */
export type HeldRecord = [offset: number, mark: string];

/** A record that is or was dead-lettered, with the hash of its key. */
export type DeadRecord = [keyHash: string, record: HeldRecord];

/**
 * A held key's first dead-lettered record; the key's later records wait for it. `deliveredOffset` is the
 * offset of the head before it, if that head was delivered: another attempt at that record must not be held.
 */
export type Head = [...HeldRecord, deliveredOffset?: number];

/** The held keys of a partition with their dead-lettered records, in the order in which the records ended. */
export type HeldKeysState = [keyHash: string, records: HeldRecord[], deliveredOffset?: number][];

/** The partition whose keys a workflow holds. */
export interface HeldPartition {
  stream: string;
  topic: string;
  partition: number;
}

/** The memo of the workflow that holds keys. It has everything that a delivery must know. */
export interface HoldMemo extends HeldPartition {
  /** The heads, by key hash. */
  heads: Record<string, Head>;
}

/** An operator's decision that a head will never be delivered. */
export interface GiveUp {
  offset: number;
  /** The operator, as `user@host`. */
  by: string;
  reason?: string;
}

export const HOLD_WORKFLOW_TYPE = 'holdKeys';

/** The failure of a record that is behind a dead-lettered record of its key. */
export const HELD_BY_KEY = 'HeldByKey';
/** The failure of a local attempt at a key's head: the head must be delivered outside of a workflow task. */
export const HEAD_OF_KEY = 'HeadOfKey';

/**
 * The id of the workflow that holds a partition's keys. Only one such workflow runs at a time; it runs while
 * a key is held.
 */
export function holdWorkflowId({ stream, topic, partition }: HeldPartition): string {
  return fitWorkflowId(`${stream}-hold-${topic}-${partition}`);
}

const MARK_LENGTH = 11;

/**
 * The mark by which a message is recognized when it comes again: made of its id, or of its value if it has no
 * id.
 */
export function recordMark(messageId: string | undefined, value: Buffer | null): string {
  const text = messageId === undefined ? (value ?? '') : `id:${messageId}`;
  return hash('sha256', text, 'base64url').slice(0, MARK_LENGTH);
}

/**
 * Says what a record is to its key's head. `head`: the dead-lettered record itself, or the same message
 * again, because the record was sent back or its producer has corrected it. `delivered`: the record was the
 * head before, and is at the sink. `behind`: any other record of the key.
 */
export function turnOf(
  [offset, mark, deliveredOffset]: Head,
  record: { offset: number; messageId: string; value: Buffer | null },
): 'head' | 'delivered' | 'behind' {
  const isHead =
    record.offset === offset ||
    recordMark(record.messageId, record.value) === mark ||
    // The head was invalid, so it was marked by its value. By now the same value can be read.
    recordMark(undefined, record.value) === mark;
  if (isHead) return 'head';
  return record.offset === deliveredOffset ? 'delivered' : 'behind';
}
