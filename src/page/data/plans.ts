import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { errorWithCause } from '../../domain/errors';
import type { ReplayFilters, ReplayRequest } from '../../domain/stream/replay';
import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { shapeOf } from '../../operations/dead-letters/group-id';
import { statesOf } from '../../operations/dead-letters/letter-states';
import type { Letter } from '../../operations/replay/replay-letters';
import type { Decision } from '../../operations/replay/replay-decide';
import { planReplay, type ReplayPlan } from '../../operations/replay/replay-plan';
import { newReplay } from '../../operations/replay/replay-request';
import { within } from '../../lib/within';
import type { TemporalLink } from './temporal-link';

/** What a replay would do. */
export interface ShownPlan {
  /** By this id the replay of the plan begins. */
  id: string;
  stream: string;
  filters: ReplayFilters;
  /** What the page does now to make the plan; null when the plan is there. */
  making: string | null;
  /** Why there is no plan; null if there is one. */
  fault: string | null;
  /** Letters whose workflow runs again. */
  runs: number;
  /** Letters whose record is sent back to its topic. */
  sends: number;
  /** Letters that stay as they are, by reason, the most frequent first. */
  refused: { reason: string; count: number }[];
  /** The first letters, in the order in which their turn comes. */
  letters: PlannedLetter[];
  notices: string[];
}

export interface PlannedLetter {
  partition: number;
  offset: number;
  messageId: string | null;
  action: Decision['action'] | 'superseded';
  reason: string | null;
}

interface Plan {
  asked: string;
  shown: ShownPlan;
  request: ReplayRequest | undefined;
  /** When it was asked for, in milliseconds since the epoch. */
  at: number;
  made: Promise<void>;
}

const MAX_PLANS = 20;
const MAX_LETTERS = 100;
/** How long a plan may be confirmed. The replay decides on each letter anew, so an older one does no harm. */
const MAX_AGE_MS = 30 * 60_000;
/** For how long somebody who looks again sees the same plan. */
const FRESH_MS = 15_000;
/** How long a screen waits for a plan. */
const WAIT_MS = 5_000;

/** Plans of replays, which people look at before they confirm them. Only this process knows them. */
export class Plans {
  readonly #closing = new AbortController();
  readonly #plans = new LRUCache<string, Plan>({ max: MAX_PLANS, ttl: MAX_AGE_MS });

  constructor(
    private readonly kafka: Kafka,
    private readonly temporal: Pick<TemporalLink, 'client'>,
  ) {}

  /**
   * The plan for these letters. `asked` is the question as the person put it: a duration in it means another time with each
   * look. Waits for the plan for a few seconds.
   */
  async of(stream: AnyStream, filters: ReplayFilters, asked: string): Promise<ShownPlan> {
    const same = [...this.#plans.values()].find(
      (one) =>
        one.shown.stream === stream.name &&
        one.asked === asked &&
        (one.shown.making !== null || Date.now() - one.at < FRESH_MS),
    );
    const plan = same ?? this.#begin(stream, filters, asked);
    await within(WAIT_MS, plan.made);
    return plan.shown;
  }

  /** The plan with this id, and the request that carries it out; undefined if there is none, or if it is not made yet. */
  confirmed(id: string): { shown: ShownPlan; request: ReplayRequest } | undefined {
    const plan = this.#plans.get(id);
    if (!plan?.request || plan.shown.making !== null || plan.shown.fault !== null) return undefined;
    return { shown: plan.shown, request: plan.request };
  }

  /** Ends the plans that are being made. */
  close(): void {
    this.#closing.abort();
  }

  /** Takes a plan out, because its replay begins. A second click finds none. Returns whether the plan was there. */
  take(id: string): boolean {
    return this.#plans.delete(id);
  }

  #begin(stream: AnyStream, filters: ReplayFilters, asked: string): Plan {
    const id = randomBytes(12).toString('base64url');
    const shown: ShownPlan = {
      ...{ id, stream: stream.name, filters, making: 'begins', fault: null },
      ...{ runs: 0, sends: 0, refused: [], letters: [], notices: [] },
    };
    const plan: Plan = {
      asked,
      shown,
      request: undefined,
      at: Date.now(),
      made: Promise.resolve(),
    };
    plan.made = this.#make(stream, plan).catch((error: unknown) => {
      Object.assign(shown, { making: null, fault: errorWithCause(error) });
    });
    this.#plans.set(id, plan);
    return plan;
  }

  async #make(stream: AnyStream, plan: Plan): Promise<void> {
    const { shown } = plan;
    // Who begins the replay is known when the plan is confirmed.
    const request = await newReplay(this.kafka, stream, { by: '', filters: shown.filters });
    plan.request = request;
    const states = await statesOf(this.kafka, stream);
    const made = await planReplay(this.kafka, await this.temporal.client(), stream, {
      ...{ ...request, states },
      onProgress: (text) => {
        this.#closing.signal.throwIfAborted();
        shown.making = text;
      },
      onNotice: (text) => shown.notices.push(text),
    });
    Object.assign(shown, summaryOf(made), { making: null });
    plan.at = Date.now();
  }
}

function summaryOf({
  queues,
  superseded,
}: ReplayPlan): Pick<ShownPlan, 'runs' | 'sends' | 'refused' | 'letters'> {
  const counts = { run: 0, send: 0, done: 0, refuse: 0 };
  const reasons = new Map<string, { reason: string; count: number }>();
  const refuse = (reason: string) => {
    const shape = shapeOf(reason);
    const same = reasons.get(shape);
    if (same) same.count++;
    else reasons.set(shape, { reason, count: 1 });
  };
  const letters: PlannedLetter[] = [];
  const list = (
    { deadLetter: { partition, offset }, messageId }: Letter,
    action: PlannedLetter['action'],
    reason: string | null,
  ) => {
    if (reason !== null) refuse(reason);
    if (letters.length < MAX_LETTERS)
      letters.push({ partition, offset, messageId, action, reason });
  };
  for (const { letter, decision } of queues.flat()) {
    counts[decision.action]++;
    list(letter, decision.action, decision.action === 'refuse' ? decision.reason : null);
  }
  for (const [letter, by] of superseded) list(letter, 'superseded', `replaced by ${by.name}`);
  const refused = [...reasons.values()].sort((a, b) => b.count - a.count);
  return { runs: counts.run, sends: counts.send, refused, letters };
}
