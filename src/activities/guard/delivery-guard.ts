import type { RecordEnvelope, RecordInput, RecordPosition } from '../../domain/record/record';

/** Decides which records of a stream may be delivered now, and is told what became of them. */
export interface DeliveryGuard {
  /**
   * Resolves if the record may be delivered now. Else throws a refusal, or a `DeliveryError` if it can't be
   * found out for now.
   */
  before(record: RecordInput): Promise<Permit>;
  /** Whether {@link before} threw the error as a refusal: the record was not tried at the sink. */
  isRefusal(error: unknown): boolean;
  /** Must resolve before the record's dead letter is written, and so before the record's workflow ends. */
  beforeDeadLetter(record: RecordEnvelope & { messageId?: string }): Promise<void>;
  /** The keys of a partition whose records may not be delivered in their chunk, as of now. */
  heldKeys(place: Pick<RecordPosition, 'topic' | 'partition'>): Promise<HeldKeys>;
}

export interface Permit {
  /** Must resolve before the attempt succeeds. Rejects if another attempt has to be made. */
  afterDelivered(): Promise<void>;
}

/** Whether the record with this key, at this offset, is held. */
export type HeldKeys = (keyHash: string, offset: number) => boolean;

/** The permit of a record of whose delivery nobody needs to know. */
export const FREE_PERMIT: Permit = { afterDelivered: () => Promise.resolve() };

/** The guard of a stream that continues after a dead letter: every record may be delivered. */
export const NO_GUARD: DeliveryGuard = {
  before: () => Promise.resolve(FREE_PERMIT),
  isRefusal: () => false,
  beforeDeadLetter: () => Promise.resolve(),
  heldKeys: () => Promise.resolve(() => false),
};
