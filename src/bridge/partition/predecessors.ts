import type { Predecessor } from '../../domain/workflow/key-hash';

/**
 * Room for the list. Kafka takes 4,096 bytes of metadata with an offset. The totals, the committing member and a stall
 * take less than 1,400 of them.
 */
const MAX_BYTES = 2_600;

/**
 * Lists, for each key, the last workflow that may be open although the offset of its record is committed, or may soon
 * be. The list is metadata of the committed offset, so that the partition's next owner knows these workflows.
 */
export class Predecessors {
  readonly #byKeyHash = new Map<string, string>();
  #bytes = 0;

  constructor(private readonly onChange: () => void) {}

  /** Loads the list that an earlier owner committed. */
  load(committed: Predecessor[]): void {
    for (const predecessor of committed) this.set(...predecessor);
  }

  /** Lists the workflow as the last of its key. If there is no room, the result is false and nothing changes. */
  set(keyHash: string, workflowId: string): boolean {
    const before = this.#bytesOf(keyHash);
    const bytes = bytesOf([keyHash, workflowId]);
    if (this.#bytes - before + bytes > MAX_BYTES) return false;
    this.#bytes += bytes - before;
    this.#byKeyHash.set(keyHash, workflowId);
    this.onChange();
    return true;
  }

  /** Removes a workflow that has ended. Nothing changes if the key's last workflow is another one by now. */
  delete(keyHash: string, workflowId: string): void {
    if (this.#byKeyHash.get(keyHash) !== workflowId) return;
    this.#bytes -= this.#bytesOf(keyHash);
    this.#byKeyHash.delete(keyHash);
    this.onChange();
  }

  get list(): Predecessor[] {
    return [...this.#byKeyHash];
  }

  #bytesOf(keyHash: string): number {
    const workflowId = this.#byKeyHash.get(keyHash);
    return workflowId === undefined ? 0 : bytesOf([keyHash, workflowId]);
  }
}

/** The size in the metadata. Message ids, and so workflow ids, may have characters that JSON escapes. */
function bytesOf(predecessor: Predecessor): number {
  return Buffer.byteLength(JSON.stringify(predecessor)) + 1;
}
