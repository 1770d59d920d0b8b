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
/** After this time, a probe that has not ended no longer keeps another record from being a probe. */
const PROBE_PATIENCE_MS = 5 * 60_000;

type Place = Pick<RecordPosition, 'partition' | 'offset'>;

/** The permission to start one workflow. From the permit of a probe, the brake learns how the workflow ended. */
export interface StartPermit {
  /** Whether the start is a probe: the stream is braked, and the start is to show whether deliveries succeed again. */
  readonly probe: boolean;
  /** The start begins. Its workflow is that of the record at `place`, or of a chunk that begins with this record. */
  begins(place: Place): void;
  /** The workflow has ended. */
  ended(outcome: RecordOutcome): void;
  /** No workflow was started. */
  unused(): void;
}

const nothing = () => undefined;
const FREE: StartPermit = { probe: false, begins: nothing, ended: nothing, unused: nothing };

/** Every workflow start of a stream asks the gate for a permit. */
export interface StartGate {
  /** Resolves when a start may be tried. Rejects if the signal aborts. `place` is the record's position, if known. */
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
 * Pauses the workflow starts of a stream when too many of its records are dead-lettered. The stream is braked while its
 * brake workflow runs. Every process of the stream asks for that workflow every 5 s, and for the first time before it
 * starts anything. While Temporal does not answer, the state stays as it is.
 *
 * | State of the stream          | `#reason` | `#probe`                  | What a start gets                       |
 * | ---------------------------- | --------- | ------------------------- | --------------------------------------- |
 * | not known yet                | undefined | undefined                 | nothing: it waits                       |
 * | not braked                   | null      | undefined                 | a permit at once                        |
 * | braked, no probe is due      | set       | undefined                 | nothing: it waits                       |
 * | braked, a probe is due       | set       | undefined, or 5 min old   | one start gets the permit of a probe    |
 * | braked, a probe is under way | set       | set                       | nothing, unless it belongs to the probe |
 *
 * A probe is due from `#probeAt` on. `#tripping` only keeps this process from starting the brake workflow twice, and
 * `#warned` only keeps a log line from being repeated.
 */
export class Brake implements StartGate {
  readonly #outcomes: OutcomeWindow;
  readonly #waiting = new Set<() => void>();
  /** Why the stream is braked. Null: it is not braked. Undefined: not known yet. */
  #reason: BrakeReason | null | undefined;
  /** The probe that was let through last, until it ends. */
  #probe: { permit: StartPermit; place?: Place; at: number } | undefined;
  #probeAt = Infinity;
  #probeTimer: NodeJS.Timeout | undefined;
  #asking = Promise.resolve();
  #tripping = false;
  /** From when on a delivery may release the brake again, in milliseconds since the epoch. */
  #releaseAt = 0;
  /** Whether the log says already that starts wait for the first answer. */
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
   * The sink has taken a record. If the stream is braked, and the first probe was due, this releases the brake. When a
   * record that was already under way is delivered, that is as good a sign of recovery as a delivered probe. And the
   * probe may be a record that can rarely be delivered, for example one that leaves an open chunk.
   */
  deliverySucceeded(): void {
    if (!this.#reason) return;
    const now = Date.now();
    const firstProbeAt = Date.parse(this.#reason.since) + this.deps.limits.probeAfterMs;
    if (now < Math.max(firstProbeAt, this.#releaseAt)) return;
    // The release takes effect only when a worker of the stream has processed its signal.
    this.#releaseAt = now + ASK_INTERVAL_MS;
    void this.#release();
  }

  /** A record was dead-lettered after it was tried at the sink. */
  deadLettered(errorType: string): void {
    // A key that is held says nothing about the other keys of the stream.
    if (errorType === HELD_BY_KEY) return;
    this.#outcomes.deadLettered(errorType);
    this.#counted();
  }

  /** A record was dead-lettered that was never tried at the sink. */
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
      // The record leaves the chunk that is the probe, so it belongs to the probe.
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
      // The next dead letter tries again to brake the stream.
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
    // If the release has failed, or no worker has processed its signal yet, the next probe tries again.
    if (this.active && !this.#probe) this.#scheduleProbe();
  }

  /** Asks whether the stream is braked. Requests are sent one at a time, and each caller gets an answer of its own. */
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

/** Creates the brake of the stream; undefined if the stream has none. The brake asks Temporal until it is stopped. */
export function createBrake(
  stream: AnyStream,
  client: Client,
  metrics: Metrics,
  logger: Logger,
): Brake | undefined {
  const { brake: limits } = stream;
  return limits ? new Brake({ client, stream, limits, metrics, logger }) : undefined;
}
