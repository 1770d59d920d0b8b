import type { Client } from '@temporalio/client';
import { begin, end } from '../../temporal/lasting-state';
import { BRAKE, nextProbe, type BrakeLimits, type BrakeReason } from '../../domain/stream/brake';
import { errorWithCause } from '../../domain/errors';
import { HELD_BY_KEY } from '../../domain/stream/hold';
import type { InvalidRecordType, RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { RecordOutcome } from '../../domain/workflow/record-activities';
import { OutcomeWindow } from './outcome-window';
import { StateWatch } from './state-watch';

/** A release takes effect only when a worker of the stream has processed its signal. */
const RELEASE_INTERVAL_MS = 5_000;
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
 * Stops the workflow starts of a stream when too many of its records are dead-lettered. The stream is braked while its
 * brake workflow runs. Every process of the stream asks for that workflow every 5 s, and for the first time before it
 * starts anything. While Temporal does not answer, the state stays as it is.
 *
 * | State of the stream          | reason    | `#probe`                  | What a start gets                       |
 * | ---------------------------- | --------- | ------------------------- | --------------------------------------- |
 * | not known yet                | undefined | undefined                 | nothing: it waits                       |
 * | not braked                   | null      | undefined                 | a permit at once                        |
 * | braked, no probe is due      | set       | undefined                 | nothing: it waits                       |
 * | braked, a probe is due       | set       | undefined, or 5 min old   | one start gets the permit of a probe    |
 * | braked, a probe is under way | set       | set                       | nothing, unless it belongs to the probe |
 *
 * A probe is due from `#probeAt` on. `#tripping` only keeps this process from starting the brake workflow twice.
 */
export class Brake implements StartGate {
  readonly #outcomes: OutcomeWindow;
  readonly #watch: StateWatch<BrakeReason>;
  /** The probe that was let through last, until it ends. */
  #probe: { permit: StartPermit; place?: Place; at: number } | undefined;
  #probeAt = Infinity;
  #probeTimer: NodeJS.Timeout | undefined;
  #tripping = false;
  /** From when on a delivery may release the brake again, in milliseconds since the epoch. */
  #releaseAt = 0;

  constructor(private readonly deps: BrakeDependencies) {
    const { client, stream, logger } = deps;
    this.#outcomes = new OutcomeWindow(deps.limits.windowMs);
    this.#watch = new StateWatch({
      ...{ client, stream, logger, state: BRAKE, adjective: 'braked' },
      onAnswer: (reason, before) => this.#answered(reason, before),
    });
  }

  get active(): boolean {
    return this.#reason != null;
  }

  get #reason(): BrakeReason | null | undefined {
    return this.#watch.reason;
  }

  /** Says that the stream is braked, why, and how to end that. Empty while the stream is not braked. */
  notices(): Record<string, string> {
    if (!this.#reason) return {};
    const { name } = this.deps.stream;
    const notice = `${BRAKE.describe(this.#reason)}; "cloudsync resume --stream ${name}" ends it`;
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
    this.#releaseAt = now + RELEASE_INTERVAL_MS;
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
      await this.#watch.change(signal);
    }
  }

  stop(): void {
    this.#watch.stop();
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
        this.#watch.wake();
      },
    };
    this.#probe = { permit, at: Date.now() };
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => this.#watch.wake(), PROBE_PATIENCE_MS + 1).unref();
    return permit;
  }

  async #tripIfNeeded(): Promise<void> {
    const { client, stream, limits, logger } = this.deps;
    const rate = this.#outcomes.excess(limits);
    if (!rate) return;
    this.#tripping = true;
    try {
      const since = new Date().toISOString();
      await begin(client, BRAKE, stream, { stream: stream.name, since, ...rate });
      await this.#watch.ask();
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
      await end(client, BRAKE, stream, 'probe');
      await this.#watch.ask();
    } catch (error) {
      const fields = { stream: stream.name, error: errorWithCause(error) };
      logger.warn(fields, 'A record was delivered, and the brake could not be released');
    }
    // If the release has failed, or no worker has processed its signal yet, the next probe tries again.
    if (this.active && !this.#probe) this.#scheduleProbe();
  }

  #answered(reason: BrakeReason | null, before: BrakeReason | null | undefined): void {
    const { stream, metrics, logger } = this.deps;
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
  }

  #scheduleProbe(): void {
    if (!this.#reason) return;
    const now = Date.now();
    this.#probeAt = nextProbe(Date.parse(this.#reason.since), this.deps.limits.probeAfterMs, now);
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => this.#watch.wake(), this.#probeAt - now + 1).unref();
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
