import { setTimeout as sleep } from 'node:timers/promises';
import type { HandOn } from '../activities/deliver-chunk';
import { errorMessage } from '../domain/errors';
import { keyHash, type Tail } from '../domain/key-hash';
import { parseOrThrow } from '../domain/parse';
import { startAfter, startOfInvalidRecord, startOfRecord } from '../domain/record-start';
import type { AnyStream } from '../domain/stream';
import type { Logger } from '../logger';
import type { Metrics } from '../metrics';
import type { WindowEntry } from './partition-window';

export interface RefusedChunkDependencies {
  stream: AnyStream;
  handOn: HandOn;
  metrics: Metrics;
  logger: Logger;
  /** Aborts when the bridge stops. */
  signal: AbortSignal;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 30_000;

/**
 * Gives each record of a chunk that Temporal refuses for good a workflow of its own, one after the other. Resolves
 * with the last workflow of each key, which is empty without an order. Undefined if it is over before: whoever owns the
 * partition then meets the same workflow ids.
 */
export async function startSingly(
  deps: RefusedChunkDependencies,
  entries: WindowEntry[],
  after: Tail[],
  isOver: () => boolean,
): Promise<Tail[] | undefined> {
  const { stream, handOn, metrics, signal } = deps;
  const tails = new Map(after);
  for (const entry of entries) {
    const { record, window } = entry;
    const parsed = await parsedAtLast(deps, entry, isOver);
    if (!parsed || isOver()) return undefined;
    if (!parsed.ok && parsed.filtered) {
      metrics.records.inc({ stream: stream.name, outcome: 'filtered' });
      window.finish(entry, 'filtered');
      continue;
    }
    const start = parsed.ok
      ? startOfRecord(stream, record, parsed.messageId)
      : startOfInvalidRecord(stream, record, parsed.reason);
    const hash = keyHash(stream.ordering, record);
    const before = hash === undefined ? undefined : tails.get(hash);
    const workflowId = await handOn(startAfter(start, before), record, signal);
    if (hash !== undefined) tails.set(hash, workflowId);
  }
  return [...tails];
}

/** Waits while the stream's code fails for now. */
async function parsedAtLast(
  { stream, logger, signal }: RefusedChunkDependencies,
  { record }: WindowEntry,
  isOver: () => boolean,
) {
  for (let waitMs = FIRST_WAIT_MS; !isOver(); waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await parseOrThrow(stream, record);
    } catch (error) {
      const { topic, partition, offset } = record;
      const fields = { stream: stream.name, topic, partition, offset, error: errorMessage(error) };
      logger.warn(fields, 'Record can not be decoded for now; its partition waits');
    }
    await sleep(waitMs, undefined, { signal });
  }
  return undefined;
}
