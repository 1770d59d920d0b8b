import { hash } from 'node:crypto';
import { fitWorkflowId } from '../record/workflow-id';

/** What follows a dead record of a key, under `ordering: 'key'`. */
export type AfterDeadLetter = (typeof AFTER_DEAD_LETTER)[number];
export const AFTER_DEAD_LETTER = ['continue', 'hold'] as const;

/** A dead record of a held key: its offset, and the {@link recordMark} that it is known by when it comes again. */
export type HeldRecord = [offset: number, mark: string];

/** A record of a key that is dead, or has been. */
export type DeadRecord = [keyHash: string, record: HeldRecord];

/**
 * A key's first dead record, which the others wait for; and the offset of the one that was first before, if
 * that was delivered: another attempt at it is not to be held.
 */
export type Head = [...HeldRecord, deliveredOffset?: number];

/** The held keys of a partition with their dead records, in the order in which those ended. */
export type HeldKeysState = [keyHash: string, records: HeldRecord[], deliveredOffset?: number][];

/** Whose keys a workflow holds. */
export interface HeldPartition {
  stream: string;
  topic: string;
  partition: number;
}

/** The memo of the workflow that holds keys: what those who deliver need to know. */
export interface HoldMemo extends HeldPartition {
  /** By the hash of the key. */
  heads: Record<string, Head>;
}

/** An operator's word that a head shall never be delivered. */
export interface GiveUp {
  offset: number;
  /** Who, as `user@host`. */
  by: string;
  reason?: string;
}

export const HOLD_WORKFLOW_TYPE = 'holdKeys';

/** The failure of a record that waits behind a dead one of its key. */
export const HELD_BY_KEY = 'HeldByKey';
/** The failure of a local attempt at a key's head: it is delivered outside of the workflow task. */
export const HEAD_OF_KEY = 'HeadOfKey';

/** There is one workflow of this id at a time, for as long as a key of the partition is held. */
export function holdWorkflowId({ stream, topic, partition }: HeldPartition): string {
  return fitWorkflowId(`${stream}-hold-${topic}-${partition}`);
}

const MARK_LENGTH = 11;

/** The message id tells a message that comes again; where a record has none, its value has to. */
export function recordMark(messageId: string | undefined, value: Buffer | null): string {
  const text = messageId === undefined ? (value ?? '') : `id:${messageId}`;
  return hash('sha256', text, 'base64url').slice(0, MARK_LENGTH);
}

/**
 * Whether the record is a key's head: the very one that has died, or the same message once more, as when it
 * was sent back or its producer has corrected it. `delivered`: it was the head, and is at the sink.
 */
export function turnOf(
  [offset, mark, deliveredOffset]: Head,
  record: { offset: number; messageId: string; value: Buffer | null },
): 'head' | 'delivered' | 'behind' {
  const isHead =
    record.offset === offset ||
    recordMark(record.messageId, record.value) === mark ||
    // One that was invalid, and can be read by now.
    recordMark(undefined, record.value) === mark;
  if (isHead) return 'head';
  return record.offset === deliveredOffset ? 'delivered' : 'behind';
}
