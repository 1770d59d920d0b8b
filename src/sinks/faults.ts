import { createHash } from 'node:crypto';
import { DeliveryError } from '../domain/errors';
import type { Sink, SinkRecord, WriteContext } from '../domain/stream/sink';

const KINDS = ['timeout', 'throttle', 'permanent'] as const;
type Kind = (typeof KINDS)[number];

/** Faults of one stream's sink: shares from 0 to 1. Absent: 0. */
export interface FaultRates {
  /** Share of attempts that fail with `Transient`, half of them after the write took effect. */
  timeout?: number;
  /** Share of attempts that fail with `Throttled`. */
  throttle?: number;
  /** Share of messages that fail with `Permanent` in every attempt. */
  permanent?: number;
}

/** Faults on demand of several streams. */
export interface Faults {
  /** The rates by the name of the stream; a stream without an entry has no faults. */
  rates: Record<string, FaultRates>;
  /** What the draws follow from. Default 1. */
  seed: number;
}

/**
 * Parses `aws:timeout=0.02,azure:timeout=0.03,azure:permanent=0.01,seed=7`. Rates are 0 to 1; the seed is 1
 * unless given. Throws an Error that names a wrong part by its position.
 */
export function parseFaults(text: string): Faults {
  const faults: Faults = { rates: {}, seed: 1 };
  for (const [index, part] of text
    .split(',')
    .map((one) => one.trim())
    .entries()) {
    if (part === '') continue;
    const seed = /^seed=(\d+)$/.exec(part);
    const match = /^([a-z0-9][a-z0-9._-]*):([a-z]+)=([0-9.]+)$/.exec(part);
    if (seed) faults.seed = Number(seed[1]);
    else if (match && isKind(match[2]!) && Number(match[3]) <= 1) {
      const rates = Object.hasOwn(faults.rates, match[1]!) ? faults.rates[match[1]!] : undefined;
      faults.rates[match[1]!] = { ...rates, [match[2]]: Number(match[3]) };
    } else {
      throw new Error(
        `part ${index + 1} is not STREAM:KIND=RATE with a kind of ${KINDS.join(', ')} and a rate of 0 to 1, nor seed=NUMBER`,
      );
    }
  }
  return faults;
}

function isKind(text: string): text is Kind {
  return (KINDS as readonly string[]).includes(text);
}

/**
 * Wraps a sink so that it fails on demand, for demonstrations and tests. The same seed, message and attempt
 * always have the same result. Half of the timeouts come after the write took effect: then a retry finds its own
 * work done. Records are written one by one, even if the sink can write chunks.
 */
export function withFaults<Message>(
  sink: Sink<Message>,
  rates: FaultRates,
  seed: number,
): Sink<Message> {
  const draw = drawer(seed);
  // Counts the attempts made in this process, so that each retry of a message is drawn anew.
  const attempts = new Map<string, number>();

  return {
    ...(sink.check && { check: (signal: AbortSignal) => sink.check!(signal) }),
    classify: (error) => sink.classify?.(error),
    ...(sink.find && { find: (messageId: string) => sink.find!(messageId) }),
    ...(sink.stored && { stored: () => sink.stored!() }),
    close: async () => sink.close?.(),
    async write(record: SinkRecord<Message>, context: WriteContext) {
      const { messageId, workflowId } = record;
      if (failsForGood(rates, seed, messageId)) {
        throw new DeliveryError('Permanent', 'the sink rejects this message (fault on demand)');
      }
      const attempt = (attempts.get(workflowId) ?? 0) + 1;
      attempts.set(workflowId, attempt);
      if (draw('throttle', messageId, attempt) < (rates.throttle ?? 0)) {
        throw new DeliveryError('Throttled', 'the sink asks to slow down (fault on demand)', {
          retryAfterMs: 500,
        });
      }
      const timesOut = draw('timeout', messageId, attempt) < (rates.timeout ?? 0);
      const late = timesOut && draw('late', messageId, attempt) < 0.5;
      const result = timesOut && !late ? undefined : await sink.write(record, context);
      if (timesOut) {
        throw new DeliveryError('Transient', 'the sink did not answer in time (fault on demand)');
      }
      attempts.delete(workflowId);
      return result!;
    },
  };
}

/** Whether a message meets a permanent fault in every attempt. */
export function failsForGood(rates: FaultRates, seed: number, messageId: string): boolean {
  return drawer(seed)('permanent', messageId) < (rates.permanent ?? 0);
}

/** Returns a function that draws a number from 0 to 1. The number depends only on the seed and the parts. */
function drawer(seed: number) {
  return (...parts: (string | number)[]) =>
    createHash('sha256')
      .update([seed, ...parts].join('\0'))
      .digest()
      .readUInt32BE() /
    2 ** 32;
}
