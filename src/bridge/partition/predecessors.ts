import type { Predecessor } from '../../domain/workflow/key-hash';

/**
 * Kafka takes 4,096 bytes of metadata with an offset. The counters's totals, who committed and a stall come
 * to less than 1,400.
 */
const MAX_BYTES = 2_600;

/**
 * Workflows that are open although the offsets of their records are committed, or may be: of each key the
 * last one. They travel in the metadata of the commit, so that the partition's next owner knows them.
 */
export class Predecessors {
  readonly #tails = new Map<string, string>();
  #bytes = 0;

  constructor(private readonly onChange: () => void) {}

  /** What an earlier owner committed; what another program did is no list of tails. */
  load(committed: unknown): void {
    if (!Array.isArray(committed)) return;
    for (const tail of committed as unknown[]) {
      if (isPredecessor(tail)) this.set(...tail);
    }
  }

  /** False, and nothing changes, where there is no room for it. */
  set(keyHash: string, workflowId: string): boolean {
    const before = this.#bytesOf(keyHash);
    const bytes = bytesOf([keyHash, workflowId]);
    if (this.#bytes - before + bytes > MAX_BYTES) return false;
    this.#bytes += bytes - before;
    this.#tails.set(keyHash, workflowId);
    this.onChange();
    return true;
  }

  /** The workflow has ended. Nothing changes where the key's last one is another by now. */
  delete(keyHash: string, workflowId: string): void {
    if (this.#tails.get(keyHash) !== workflowId) return;
    this.#bytes -= this.#bytesOf(keyHash);
    this.#tails.delete(keyHash);
    this.onChange();
  }

  get list(): Predecessor[] {
    return [...this.#tails];
  }

  #bytesOf(keyHash: string): number {
    const workflowId = this.#tails.get(keyHash);
    return workflowId === undefined ? 0 : bytesOf([keyHash, workflowId]);
  }
}

/** In the metadata: message ids, and so workflow ids, may consist of what JSON escapes. */
function bytesOf(tail: Predecessor): number {
  return Buffer.byteLength(JSON.stringify(tail)) + 1;
}

function isPredecessor(value: unknown): value is Predecessor {
  return (
    Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string')
  );
}
