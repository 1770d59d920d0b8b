import { setTimeout as sleep } from 'node:timers/promises';
import type { StartOwnWorkflow } from '../../activities/chunk/dependencies';
import { errorMessage } from '../../domain/errors';
import { keyHash, type Predecessor } from '../../domain/workflow/key-hash';
import { parseOrThrow } from '../../domain/workflow/parse';
import { startAfter, startOfParsed } from '../../domain/workflow/record-start';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { Outcomes } from '../outcomes/outcomes';
import type { SkippedBy, WindowEntry } from '../partition/partition-window';

export interface RefusedChunkDependencies {
  stream: AnyStream;
  startOwnWorkflow: StartOwnWorkflow;
  outcomes: Pick<Outcomes, 'filtered' | 'ofChunks'>;
  logger: Logger;
  /** Aborts when the partition is revoked, or the bridge stops. */
  signal: AbortSignal;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 30_000;

/** A record that is durable in a workflow of its own, or that the stream skips. */
interface SingleRecord {
  entry: WindowEntry;
  /** Under an order: the workflow that the next record of the key must wait for. */
  predecessor?: Predecessor;
  skippedBy?: SkippedBy;
}

/**
 * Starts a workflow of its own for each record of a chunk that Temporal refuses for good, one after the other. Yields
 * each record before the next one is started, so that the chain can be committed behind the record. The next owner may
 * then cut a chunk that Temporal takes. Ends early once `isOver` is true, because the partition's owner continues.
 */
export async function* startSingly(
  deps: RefusedChunkDependencies,
  entries: WindowEntry[],
  after: Predecessor[],
  isOver: () => boolean,
): AsyncGenerator<SingleRecord, void, void> {
  const { stream, startOwnWorkflow, outcomes, signal } = deps;
  const predecessors = new Map(after);
  for (const entry of entries) {
    const { record } = entry;
    const parsed = await parsedAtLast(deps, entry, isOver);
    if (!parsed || isOver()) return;
    if (!parsed.ok && parsed.filtered) {
      outcomes.filtered();
      yield { entry, skippedBy: 'filtered' };
      continue;
    }
    const start = startOfParsed(stream, record, parsed);
    const hash = keyHash(stream.ordering, record);
    const before = hash === undefined ? undefined : predecessors.get(hash);
    const workflowId = await startOwnWorkflow(startAfter(start, before), record, signal);
    if (hash === undefined) yield { entry };
    else {
      predecessors.set(hash, workflowId);
      yield { entry, predecessor: [hash, workflowId] };
    }
  }
}

/** Parses a record, and tries again while the stream's code fails for now. Undefined if the chain is over before. */
async function parsedAtLast(
  { stream, outcomes, logger, signal }: RefusedChunkDependencies,
  { record }: WindowEntry,
  isOver: () => boolean,
) {
  const { topic, partition, offset } = record;
  try {
    for (let waitMs = FIRST_WAIT_MS; !isOver(); waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      try {
        return await parseOrThrow(stream, record);
      } catch (error) {
        const failure = errorMessage(error);
        outcomes.ofChunks.decoding(partition, failure);
        const fields = { stream: stream.name, topic, partition, offset, error: failure };
        logger.warn(fields, 'Record can not be decoded for now; its partition waits');
      }
      await sleep(waitMs, undefined, { signal });
    }
    return undefined;
  } finally {
    outcomes.ofChunks.decoding(partition, undefined);
  }
}
