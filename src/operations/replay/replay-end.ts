import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { GroupPosition } from '../../kafka/group-offsets';
import type { RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { invalidRecordWorkflowIds, recordWorkflowIds } from '../../domain/record/workflow-id';
import { unlessAborted } from '../../lib/unless-aborted';
import { describeFailure } from '../runs/failed-entry';
import { latestRun } from '../runs/failed-runs';
import type { RecordEnd, UnderWay } from '../../domain/stream/replay';
import { findChunk } from '../runs/workflow-search';

export interface EndContext {
  /** How far the stream's group has committed its topic. */
  group: Pick<GroupPosition, 'committed'>;
  client: Client;
  stream: AnyStream;
  /** Aborting it ends the wait. */
  signal: AbortSignal;
}

/** How a replayed record ended. `reason` is set if the record died again. */
export interface Ended {
  end: RecordEnd;
  reason?: string;
}

/** Milliseconds between two polls. */
export const POLL_MS = 500;
/** Temporal's lists may not know a new chunk for up to this time. */
const LISTED_WITHIN_MS = 30_000;

/** Waits for the end of a record. Undefined if the signal aborts first, or if nobody knows the end any more. */
export async function endOf(
  context: EndContext,
  messageId: string | null,
  underWay: UnderWay,
): Promise<Ended | undefined> {
  return 'sentTo' in underWay
    ? endOfSent(context, messageId, underWay.sentTo, underWay.timestamp)
    : endOfRun(context, underWay.workflowId, underWay.runId);
}

/** {@link endOf} for a run of a workflow. */
export async function endOfRun(
  context: Pick<EndContext, 'client' | 'signal'>,
  workflowId: string,
  runId?: string,
): Promise<Ended | undefined> {
  const { client, signal } = context;
  let result;
  try {
    const handle = client.workflow.getHandle(workflowId, runId);
    result = await unlessAborted(handle.result() as Promise<unknown>, signal);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { type, message } = describeFailure(error.cause);
    return { end: 'deadAgain', reason: `${type}: ${message}` };
  }
  if (!result) return undefined;
  // A record that was invalid and has become valid continues in a workflow of its own.
  const { outcome, workflowId: next } = Object(result.value) as Record<string, unknown>;
  if (outcome === 'revalidated' && typeof next === 'string') return endOfRun(context, next);
  return { end: 'delivered' };
}

/**
 * {@link endOf} for a record that was sent back. Its own workflow or its chunk knows the end. If there is neither
 * and the group has committed past the record, the record was a duplicate of a delivered message.
 */
async function endOfSent(
  context: EndContext,
  messageId: string | null,
  position: RecordPosition,
  timestamp: number,
): Promise<Ended | undefined> {
  const { client, stream, signal } = context;
  const inChunks = stream.execution.lane === 'chunk';
  // A record that is committed at the first look was sent by an earlier replay. By now its chunk is listed or
  // gone, so there is no wait for the lists.
  let listedBy = 0;
  for (; !signal.aborted; await pause(signal)) {
    if (!(await isTaken(context, position))) {
      listedBy = Date.now() + LISTED_WITHIN_MS;
      continue;
    }
    const chunk = inChunks ? (await findChunk(client, stream, position)).chunk : undefined;
    // A record that leaves its chunk has a workflow of its own before the chunk ends.
    if (chunk ? chunk.status.name === 'RUNNING' : inChunks && Date.now() < listedBy) continue;
    const own = await ownWorkflow(context, messageId, position, timestamp);
    if (own) return endOfRun(context, own);
    return chunk ? endOfRun(context, chunk.workflowId, chunk.runId) : { end: 'delivered' };
  }
  return undefined;
}

/** Whether the group has committed the record: the record is durable as a workflow, or it was skipped. */
async function isTaken({ group }: EndContext, position: RecordPosition): Promise<boolean> {
  const committed = await group.committed(position.partition);
  return committed !== undefined && committed > position.offset;
}

async function ownWorkflow(
  { client, stream }: EndContext,
  messageId: string | null,
  position: RecordPosition,
  timestamp: number,
): Promise<string | undefined> {
  const record = { stream: stream.name, ...position, timestamp };
  const ids = [
    ...(messageId === null ? [] : recordWorkflowIds(stream.workflowId, { ...record, messageId })),
    ...invalidRecordWorkflowIds(stream.name, record),
  ];
  for (const id of ids) {
    const memo = (await latestRun(client, id))?.memo;
    // Only the position is compared, because the broker may have changed the record's timestamp. A memo with
    // `first` is that of a chunk that begins here, which is not the record's own workflow.
    const fields = ['topic', 'partition', 'offset'] as const;
    if (!memo || 'first' in memo) continue;
    if (fields.every((field) => memo[field] === position[field])) return id;
  }
  return undefined;
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
}
