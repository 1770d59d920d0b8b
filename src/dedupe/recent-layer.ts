import type { AnyStream } from '../domain/stream/stream';
import type { IdempotencyService } from './idempotency-service';
import { resolveIdempotencySettings } from './idempotency-settings';
import { InMemoryIdempotencyService } from './in-memory-idempotency-service';
import type { Logger } from '../telemetry/logger';
import { LONGEST_TIMER_MS } from '../domain/stream/timers';

/** A timer may fire a millisecond early, before the lock that it waits for has expired. */
const TIMER_MARGIN_MS = 10;

/**
 * The first dedupe layer, in the bridge worker's memory. It recognizes a producer's duplicates at any offset
 * and in any partition that this process handles. Its keys are made by `contentKey`.
 */
export class RecentLayer {
  readonly #service: IdempotencyService;
  readonly #lockTimeoutMs: number;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(service: IdempotencyService, lockTimeoutMs: number) {
    this.#service = service;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  /**
   * Asks for permission to deliver a message. `new`: the caller has the key's lock and must call
   * {@link leave}. `duplicate`: the message was delivered before. `in flight`: another record with the key is
   * being delivered; ask again after {@link freed}.
   */
  enter(key: string, owner: string): 'new' | 'duplicate' | 'in flight' {
    if (this.#service.isProcessed(key)) return 'duplicate';
    return this.#service.tryAcquireLock(key, owner) ? 'new' : 'in flight';
  }

  /** Resolves when the record in flight has ended, or when its lock has expired. */
  async freed(key: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(expiry);
        waiting.delete(wake);
        resolve();
      };
      const delay = Math.min(this.#lockTimeoutMs + TIMER_MARGIN_MS, LONGEST_TIMER_MS);
      const expiry = setTimeout(wake, delay).unref();
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting.add(wake));
    });
  }

  /** Ends the delivery that {@link enter} began. Only a delivered message is remembered. */
  leave(key: string, owner: string, delivered: boolean): void {
    if (delivered) this.#service.markProcessed(key);
    else this.#service.releaseLock(key, owner);
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    waiting?.forEach((wake) => wake());
  }
}

/** Creates the layer of one stream in this process, with a service of its own. */
export function createRecentLayer(
  stream: AnyStream,
  logger: Logger,
): { recent: RecentLayer; idempotency: InMemoryIdempotencyService } {
  const settings = resolveIdempotencySettings(stream.idempotency);
  const idempotency = new InMemoryIdempotencyService(settings, {
    log: (event, fields) => logger.debug({ stream: stream.name, ...fields }, event),
  });
  return { idempotency, recent: new RecentLayer(idempotency, settings.lockTimeoutMs) };
}
