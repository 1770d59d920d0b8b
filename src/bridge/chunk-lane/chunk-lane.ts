import type { Lane } from '../lane';
import { Slots } from '../../lib/slots';
import { ChunkChain, MAX_OPEN_CHUNKS, type ChunkChainDependencies } from './chunk-chain';
import { ChunkOrder } from './chunk-order';
import type { PartitionCounters } from '../partition/partition-counters';
import type { PartitionWindow, WindowEntry } from '../partition/partition-window';

/** Brings records to the sink in chunks. Each partition has a chain of chunks; all chains share the open chunks. */
export class ChunkLane implements Lane {
  readonly #chains = new Map<PartitionWindow, ChunkChain>();
  readonly #openChunks = new Slots(MAX_OPEN_CHUNKS);
  /** The order of each partition, by the partition's counters. If the log goes back, both outlive the window. */
  readonly #orders = new WeakMap<PartitionCounters, ChunkOrder>();
  #inFlight = 0;

  constructor(
    private readonly deps: Omit<
      ChunkChainDependencies,
      'openChunks' | 'order' | 'window' | 'onStarting' | 'onFirstTaskOver'
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
        openChunks: this.#openChunks,
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
    const { client, running } = start;
    const { predecessors } = counters;
    const order =
      this.#orders.get(counters) ??
      new ChunkOrder({ stream, client, running, predecessors, logger });
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

  /** Number of chunks whose start is under way, or that are in their first workflow task. */
  get inFlightCount(): number {
    return this.#inFlight;
  }

  /** Starts nothing more. Resolves when each start under way was answered or given up. */
  async stop(): Promise<void> {
    await Promise.all([...this.#chains.values()].map((chain) => chain.stop()));
  }
}
