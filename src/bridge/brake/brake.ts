import type { Client } from '@temporalio/client';
import { brake, brakeOf, release } from '../../temporal/brake';
import {
  describeBrake,
  nextProbe,
  type BrakeLimits,
  type BrakeReason,
} from '../../domain/stream/brake';
import { errorWithCause } from '../../domain/errors';
import { HELD_BY_KEY } from '../../domain/stream/hold';
import type { InvalidRecordType, RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { RecordOutcome } from '../../domain/workflow/record-activities';
import { OutcomeWindow } from './outcome-window';

const ASK_INTERVAL_MS = 5_000;
/** The time after which a record that was let through no longer keeps others from it. */
const PROBE_PATIENCE_MS = 5 * 60_000;

type Place = Pick<RecordPosition, 'partition' | 'offset'>;

/** Leave to start a workflow. */
export interface StartPermit {
  /** Whether the stream is braked, and this is to show whether a record can be delivered again. */
  readonly probe: boolean;
  /** The workflow is that of this record, or of a chunk that begins with it. */
  begins(place: Place): void;
  ended(outcome: RecordOutcome): void;
  /** Nothing was started. */
  unused(): void;
}

const nothing = () => undefined;
const FREE: StartPermit = { probe: false, begins: nothing, ended: nothing, unused: nothing };

/** Every workflow start of a stream asks the gate for a permit. */
export interface StartGate {
  /** Resolves when a start may be tried. Rejects when the signal aborts. */
  enter(signal: AbortSignal, place?: Place): Promise<StartPermit>;
}

/** The gate of a stream that has no brake. */
export const OPEN_GATE: StartGate = { enter: () => Promise.resolve(FREE) };

interface BrakeDependencies {
  client: Client;
  stream: { name: string; taskQueue: string };
  limits: BrakeLimits;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Pauses the starts of a stream when too many of its records are dead-lettered. That it is braked is a
 * workflow that runs: every process of the stream asks for it, at first before anything is started.
 * While Temporal does not answer, nothing changes.
 */
export class Brake implements StartGate {
  readonly #outcomes: OutcomeWindow;
  readonly #waiting = new Set<() => void>();
  /** Null: free. Undefined: not known yet. */
  #reason: BrakeReason | null | undefined;
  #probe: { permit: StartPermit; place?: Place; at: number } | undefined;
  #probeAt = Infinity;
  #probeTimer: NodeJS.Timeout | undefined;
  #asking = Promise.resolve();
  #tripping = false;
  /** When deliveries may end the brake once more. */
  #releaseAt = 0;
  /** That starts wait for the first answer was told. */
  #warned = false;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly deps: BrakeDependencies) {
    this.#outcomes = new OutcomeWindow(deps.limits.windowMs);
    this.#timer = setInterval(() => void this.#ask(), ASK_INTERVAL_MS).unref();
    void this.#ask();
  }

  get active(): boolean {
    return this.#reason != null;
  }

  /** Says that the stream is braked, why, and how to end that. Empty while the stream is not braked. */
  notices(): Record<string, string> {
    if (!this.#reason) return {};
    const { name } = this.deps.stream;
    const notice = `${describeBrake(this.#reason)}; "cloudsync resume --stream ${name}" ends it`;
    return { [`brake ${name}`]: notice };
  }

  delivered(count: number): void {
    this.#outcomes.delivered(count);
  }

  /**
   * The sink has taken a record. From the first probe on, one that was under way shows as well as a probe
   * that the stream delivers again: a record that leaves an open chunk, and is let through, is rarely one
   * that can be delivered.
   */
  deliverySucceeded(): void {
    if (!this.#reason) return;
    const now = Date.now();
    const firstProbeAt = Date.parse(this.#reason.since) + this.deps.limits.probeAfterMs;
    if (now < Math.max(firstProbeAt, this.#releaseAt)) return;
    // A worker of the stream has to take note.
    this.#releaseAt = now + ASK_INTERVAL_MS;
    void this.#release();
  }

  /** A record was dead-lettered that the sink was asked for. */
  deadLettered(errorType: string): void {
    // One bad key is no bad stream.
    if (errorType === HELD_BY_KEY) return;
    this.#outcomes.deadLettered(errorType);
    this.#counted();
  }

  /** A record was dead-lettered that no sink was asked for. */
  invalid(errorType: string): void {
    // Producers send records without a value on purpose, as a mark that something was deleted.
    if (errorType === ('NullValue' satisfies InvalidRecordType)) return;
    this.#outcomes.invalid(errorType);
    this.#counted();
  }

  #counted(): void {
    if (this.#reason === null && !this.#tripping) void this.#tripIfNeeded();
  }

  async enter(signal: AbortSignal, place?: Place): Promise<StartPermit> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#reason === null) return FREE;
      const own = this.#probe?.place;
      // A record that leaves the chunk which was let through.
      if (place && own?.partition === place.partition && own.offset === place.offset) return FREE;
      if (this.#reason && this.#probeIsDue) return this.#letThrough();
      await this.#change(signal);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#probeTimer);
  }

  get #probeIsDue(): boolean {
    const now = Date.now();
    return now >= this.#probeAt && now - (this.#probe?.at ?? 0) > PROBE_PATIENCE_MS;
  }

  #letThrough(): StartPermit {
    const permit: StartPermit = {
      probe: true,
      begins: (place) => {
        if (this.#probe?.permit === permit) this.#probe.place = place;
        const { partition, offset } = place;
        const fields = { stream: this.deps.stream.name, partition, offset };
        this.deps.logger.info(fields, 'Stream is braked; one record is let through');
      },
      ended: (outcome) => {
        if (this.#probe?.permit !== permit) return;
        this.#probe = undefined;
        if (outcome === 'delivered' || outcome === 'duplicate') void this.#release();
        else this.#scheduleProbe();
      },
      unused: () => {
        if (this.#probe?.permit !== permit) return;
        this.#probe = undefined;
        this.#wake();
      },
    };
    this.#probe = { permit, at: Date.now() };
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => this.#wake(), PROBE_PATIENCE_MS + 1).unref();
    return permit;
  }

  async #tripIfNeeded(): Promise<void> {
    const { client, stream, limits, logger } = this.deps;
    const rate = this.#outcomes.excess(limits);
    if (!rate) return;
    this.#tripping = true;
    try {
      await brake(client, stream, {
        stream: stream.name,
        since: new Date().toISOString(),
        ...rate,
      });
      await this.#ask();
    } catch (error) {
      // The next dead letter tries again.
      const fields = { stream: stream.name, error: errorWithCause(error) };
      logger.warn(fields, 'Could not brake the stream');
    } finally {
      this.#tripping = false;
    }
  }

  async #release(): Promise<void> {
    const { client, stream, logger } = this.deps;
    try {
      await release(client, stream, 'probe');
      await this.#ask();
    } catch (error) {
      const fields = { stream: stream.name, error: errorWithCause(error) };
      logger.warn(fields, 'A record was delivered, and the brake could not be released');
    }
    // In case of that, and of a worker that has not taken the signal yet.
    if (this.active && !this.#probe) this.#scheduleProbe();
  }

  /** One question at a time; who comes while one is on the way gets an answer of its own. */
  #ask(): Promise<void> {
    return (this.#asking = this.#asking.then(() => this.#askOnce()));
  }

  async #askOnce(): Promise<void> {
    const { client, stream, logger } = this.deps;
    try {
      this.#set((await brakeOf(client, stream)) ?? null);
    } catch (error) {
      const fields = { stream: stream.name, error: errorWithCause(error) };
      const message = 'Could not ask whether the stream is braked';
      if (this.#reason !== undefined || this.#warned) return logger.debug(fields, message);
      this.#warned = true;
      logger.warn(fields, `${message}; nothing starts`);
    }
  }

  #set(reason: BrakeReason | null): void {
    const { stream, metrics, logger } = this.deps;
    const before = this.#reason;
    this.#reason = reason;
    metrics.braked.set({ stream: stream.name }, reason ? 1 : 0);
    if (reason && before?.since !== reason.since) {
      const { since, deadLetters, share, errorType } = reason;
      const fields = { stream: stream.name, since, deadLetters, share, errorType };
      logger.error(fields, 'Stream is braked: too many of its records were dead-lettered');
      this.#scheduleProbe();
    }
    if (reason !== null) return;
    if (before) logger.info({ stream: stream.name }, 'Stream is no longer braked');
    if (before) this.#outcomes.clear();
    clearTimeout(this.#probeTimer);
    this.#probe = undefined;
    this.#wake();
  }

  #scheduleProbe(): void {
    if (!this.#reason) return;
    const now = Date.now();
    this.#probeAt = nextProbe(Date.parse(this.#reason.since), this.deps.limits.probeAfterMs, now);
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => this.#wake(), this.#probeAt - now + 1).unref();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', abort);
      };
      const wake = () => {
        end();
        resolve();
      };
      const abort = () => {
        end();
        reject(signal.reason as Error);
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}

/** Creates the brake of the stream, or returns undefined if the stream has none. It asks Temporal until it is stopped. */
export function createBrake(
  stream: AnyStream,
  client: Client,
  metrics: Metrics,
  logger: Logger,
): Brake | undefined {
  const { brake: limits } = stream;
  return limits ? new Brake({ client, stream, limits, metrics, logger }) : undefined;
}
