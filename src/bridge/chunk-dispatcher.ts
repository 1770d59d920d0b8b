import { Slots } from './slots';
import { ChunkChain, type ChunkChainDependencies } from './chunk-chain';
import type { PartitionWindow, WindowEntry } from './partition-window';

/**
 * Chunks of one stream that may be open in a bridge worker: while one is delivered the next is read and
 * started. More would share the same sink, and each would take the longer; and so many, no more, wait
 * for a sink that is down.
 */
const MAX_OPEN_CHUNKS = 4;

/** Takes records out of the windows, each partition's in its own chain of chunks. */
export class ChunkDispatcher {
  readonly #chains = new Map<PartitionWindow, ChunkChain>();
  readonly #open = new Slots(MAX_OPEN_CHUNKS);
  #inFlight = 0;

  constructor(
    private readonly deps: Omit<
      ChunkChainDependencies,
      'open' | 'window' | 'onStarting' | 'onHandedOver'
    >,
  ) {}

  /** Entries of one window. */
  push(entries: WindowEntry[]): void {
    const window = entries[0]?.window;
    if (!window) return;
    let chain = this.#chains.get(window);
    if (!chain) {
      for (const lost of this.#chains.keys()) if (lost.lost) this.#chains.delete(lost);
      chain = new ChunkChain({
        ...this.deps,
        window,
        open: this.#open,
        onStarting: () => this.#inFlight++,
        onHandedOver: () => this.#inFlight--,
      });
      this.#chains.set(window, chain);
    }
    chain.push(entries);
  }

  /** Chunks in their first workflow task. */
  get inFlightCount(): number {
    return this.#inFlight;
  }

  /** Starts nothing more; resolves when every start under way has been answered or given up. */
  async stop(): Promise<void> {
    await Promise.all([...this.#chains.values()].map((chain) => chain.stop()));
  }
}
