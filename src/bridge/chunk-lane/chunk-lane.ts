import type { Lane } from '../lane';
import { Slots } from '../../lib/slots';
import { ChunkChain, MAX_OPEN_CHUNKS, type ChunkChainDependencies } from './chunk-chain';
import { ChunkOrder } from './chunk-order';
import type { PartitionCounters } from '../partition/partition-counters';
import type { PartitionWindow, WindowEntry } from '../partition/partition-window';

/** Takes records out of the windows, each partition's in its own chain of chunks. */
export class ChunkLane implements Lane {
  readonly #chains = new Map<PartitionWindow, ChunkChain>();
  readonly #open = new Slots(MAX_OPEN_CHUNKS);
  /** An order outlives a window where the log went back; so do the counters. */
  readonly #orders = new WeakMap<PartitionCounters, ChunkOrder>();
  #inFlight = 0;

  constructor(
    private readonly deps: Omit<
      ChunkChainDependencies,
      'open' | 'order' | 'window' | 'onStarting' | 'onFirstTaskOver'
    >,
  ) {}

  accept(entries: WindowEntry[]): void {
    const window = entries[0]?.window;
    if (!window) return;
    let chain = this.#chains.get(window);
    if (!chain) {
      chain = new ChunkChain({
        ...this.deps,
        window,
        open: this.#open,
        order: this.#orderOf(window.counters),
        onStarting: () => this.#inFlight++,
        onFirstTaskOver: () => this.#inFlight--,
      });
      this.#chains.set(window, chain);
    }
    chain.push(entries);
  }

  #orderOf(counters: PartitionCounters): ChunkOrder | undefined {
    const { stream, start, logger } = this.deps;
    if (stream.ordering === 'none') return undefined;
    const { client, open } = start;
    const { predecessors } = counters;
    const order =
      this.#orders.get(counters) ?? new ChunkOrder({ stream, client, open, predecessors, logger });
    this.#orders.set(counters, order);
    return order;
  }

  dropRevoked(): void {
    for (const [window, chain] of this.#chains) {
      if (!window.revoked) continue;
      chain.drop();
      this.#chains.delete(window);
    }
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
