import type { ChunkAttempt } from './chunk-attempt';
import type { Candidate } from './chunk-records';
import type { ChunkDependencies } from './dependencies';

let lastHolder = 0;

/** The locks that one attempt at a chunk holds in layer `recent`, one for each message that it writes. */
export class MessageLocks {
  /** Distinguishes attempts of this process, which may overlap at the same records. */
  readonly #holder = ++lastHolder;
  /** The owners of the locks, by which layer `recent` knows who may release a lock. */
  readonly #owners = new Map<Candidate, string>();

  constructor(
    private readonly deps: Pick<ChunkDependencies, 'recent' | 'events'>,
    private readonly attempt: ChunkAttempt,
  ) {}

  has(candidate: Candidate): boolean {
    return this.#owners.has(candidate);
  }

  /**
   * Locks the message. `duplicate`: it was delivered before. `in flight`: another record with the same message is
   * being delivered; ask again after {@link freed}.
   */
  enter(candidate: Candidate): 'new' | 'duplicate' | 'in flight' {
    const owner = `${candidate.record.offset}#chunk${this.#holder}`;
    const verdict = this.deps.recent.enter(candidate.messageKey, owner);
    if (verdict === 'new') this.#owners.set(candidate, owner);
    return verdict;
  }

  /** Waits until the copy of the message that is in flight has ended. */
  async freed({ record, messageKey }: Candidate): Promise<void> {
    const { recent, events } = this.deps;
    events.waiting(record);
    await this.attempt.inTime(() => recent.freed(messageKey));
  }

  /** Does nothing when the attempt does not hold the lock. */
  release(candidate: Candidate, delivered: boolean): void {
    const owner = this.#owners.get(candidate);
    if (owner === undefined) return;
    this.#owners.delete(candidate);
    this.deps.recent.leave(candidate.messageKey, owner, delivered);
  }

  releaseAll(): void {
    for (const candidate of this.#owners.keys()) this.release(candidate, false);
  }
}
