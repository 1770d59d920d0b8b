import { setTimeout as sleep } from 'node:timers/promises';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { grpcStatus, GrpcStatus, withSummary } from '../../temporal/temporal';
import { errorWithCause } from '../../domain/errors';
import { isSameChunk, type ChunkMemo } from '../../domain/workflow/chunk';
import { isSameRecord, type KafkaRecord, type RecordMemo } from '../../domain/record/record';
import { startOfUnreadable, type WorkflowStart } from '../../domain/workflow/record-start';
import type { AnyStream } from '../../domain/stream/stream';
import { summaryOfStart } from '../../domain/workflow/summary';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { Backoff } from './backoff';
import type { StartGate, StartPermit } from '../brake/brake';
import type { RunningWorkflow, RunningWorkflows } from './running-workflows';
import type { StartRate } from './start-rate';

export interface StartDependencies {
  client: Client;
  stream: { name: string; taskQueue: string };
  running: RunningWorkflows;
  backoff: Backoff;
  gate: StartGate;
  rate: StartRate;
  metrics: Metrics;
  logger: Logger;
  /** Aborts when the bridge stops. A start that waits then rejects. */
  signal: AbortSignal;
}

/**
 * The pauses after a contradiction: the server refuses an id because a workflow has it, and then does not find that
 * workflow. A moment later the server usually agrees with itself. If it does not, something is wrong with it, so the
 * pauses grow.
 */
const FIRST_GONE_WAIT_MS = 25;
const LONGEST_GONE_WAIT_MS = 10_000;

/** Temporal refuses this start for good: a further try would be refused as well. */
export class StartRejectedError extends Error {
  override readonly name = 'StartRejectedError';
}

/** This record, or this chunk, had its workflow already. */
interface Duplicate {
  workflowId: string;
  /** The memo that the workflow was started with. */
  duplicateOf: Record<string, unknown>;
  hasEnded: boolean;
}

/**
 * Makes a record, or a chunk of records, durable as a workflow. Waits for the start gate unless `given` is a permit,
 * then tries until the server answers. The result's `workflowId` is the id, among the record's possible ids, that the
 * workflow has. Rejects only with {@link StartRejectedError}, or when the signal aborts.
 */
export async function startWorkflow(
  deps: StartDependencies,
  start: WorkflowStart,
  given?: StartPermit,
): Promise<RunningWorkflow | Duplicate> {
  const permit = given ?? (await deps.gate.enter(deps.signal));
  permit.begins(placeOf(start.memo));
  try {
    const result = await startUnderAnyId(deps, start);
    if ('duplicateOf' in result) permit.unused();
    else void result.ended.then((outcome) => permit.ended(outcome));
    return result;
  } catch (error) {
    permit.unused();
    throw error;
  }
}

/** The position of a record, or of the first record of a chunk. */
function placeOf({ partition, ...memo }: RecordMemo | ChunkMemo) {
  return { partition, offset: 'firstRecord' in memo ? memo.firstRecord : memo.offset };
}

async function startUnderAnyId(
  deps: StartDependencies,
  start: WorkflowStart,
): Promise<RunningWorkflow | Duplicate> {
  for (const workflowId of [start.workflowId, ...start.furtherIds]) {
    const result = await startUnder(deps, workflowId, start);
    if (result !== 'collision') return result;
    deps.metrics.idCollisions.inc({ stream: deps.stream.name });
    deps.logger.error(
      { ...start.memo, workflowId },
      'Workflow id is held by another record; this one is started under a longer id',
    );
  }
  throw new StartRejectedError(
    `every workflow id of ${start.workflowId} is held by another record`,
  );
}

/** Tries one id. The workflow is registered as running before the start is sent. */
async function startUnder(
  deps: StartDependencies,
  workflowId: string,
  start: WorkflowStart,
): Promise<RunningWorkflow | Duplicate | 'collision'> {
  const registration = deps.running.register(workflowId, start.memo);
  try {
    const result = await untilAnswered(deps, workflowId, start);
    if (typeof result === 'object' && 'startedHere' in result) {
      return registration.acknowledge(result.startedHere);
    }
    registration.remove();
    return result;
  } catch (error) {
    registration.remove();
    throw error;
  }
}

async function untilAnswered(
  deps: StartDependencies,
  workflowId: string,
  start: WorkflowStart,
): Promise<{ startedHere: boolean } | Duplicate | 'collision'> {
  const { client, stream, backoff, rate, metrics, signal } = deps;
  /** Whether an earlier try may have reached the server. Then the workflow that has the id may be of that try. */
  let unknownOutcome = false;
  let goneWaitMs = FIRST_GONE_WAIT_MS;
  for (;;) {
    await backoff.ready(signal);
    await rate.ready(signal);
    const end = metrics.startSeconds.startTimer({ stream: stream.name });
    try {
      const handle = await client.workflow.start(start.workflowType, {
        workflowId,
        taskQueue: stream.taskQueue,
        args: start.args,
        memo: { ...start.memo },
        ...withSummary(client, summaryOfStart(start.memo)),
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        requestEagerStart: true,
      });
      end({ eager: String(handle.eagerlyStarted) });
      backoff.succeeded();
      rate.succeeded();
      return { startedHere: handle.eagerlyStarted };
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) {
        backoff.succeeded();
        rate.succeeded();
        const holder = await holderOf(deps, workflowId);
        if (holder === 'gone') {
          await sleep(goneWaitMs, undefined, { signal });
          goneWaitMs = Math.min(goneWaitMs * 2, LONGEST_GONE_WAIT_MS);
          continue;
        }
        if (!isSame(holder, start.memo)) return 'collision';
        // An earlier try has started this workflow, and its answer was lost. So the start counts as made here, and the
        // record keeps its place until its workflow ends.
        const own = Object.entries(start.memo).every(
          ([field, value]) => holder.memo[field] === value,
        );
        if (own && unknownOutcome) return { startedHere: false };
        return { workflowId, duplicateOf: holder.memo, hasEnded: holder.ended };
      }
      if (grpcStatus(error) === GrpcStatus.INVALID_ARGUMENT) {
        throw new StartRejectedError(errorWithCause(error), { cause: error });
      }
      unknownOutcome = true;
      pause(deps, error);
    }
  }
}

function isSame(holder: Holder, memo: RecordMemo | ChunkMemo): boolean {
  return 'first' in memo
    ? isSameChunk(holder.memo, memo, holder.startedAt)
    : isSameRecord(holder.memo, memo);
}

interface Holder {
  memo: Record<string, unknown>;
  startedAt: Date;
  ended: boolean;
}

/** Asks the server which workflow has an id. `gone` if no workflow has it. */
async function holderOf(deps: StartDependencies, workflowId: string): Promise<Holder | 'gone'> {
  for (;;) {
    await deps.backoff.ready(deps.signal);
    await deps.rate.ready(deps.signal);
    try {
      const { memo, status, startTime } = await deps.client.workflow
        .getHandle(workflowId)
        .describe();
      deps.backoff.succeeded();
      const ended = status.name !== 'RUNNING';
      return { memo: memo ?? {}, startedAt: startTime, ended };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) {
        deps.backoff.succeeded();
        return 'gone';
      }
      pause(deps, error);
    }
  }
}

/**
 * Whether the workflow exists that dead-letters an unreadable batch. An operator starts that workflow to let the
 * partition go on. If the server does not answer, the result is false: the partition then waits, and asks again.
 */
export async function isUnreadableStarted(
  { client, stream }: { client: Client; stream: AnyStream },
  record: KafkaRecord,
): Promise<boolean> {
  const { workflowId, furtherIds, memo } = startOfUnreadable(stream, record);
  for (const id of [workflowId, ...furtherIds]) {
    try {
      const found = await client.workflow.getHandle(id).describe();
      if (isSameRecord(found.memo ?? {}, memo)) return true;
    } catch {
      return false;
    }
  }
  return false;
}

function pause(deps: StartDependencies, error: unknown): void {
  const { backoff, rate, metrics, stream, logger } = deps;
  const status = grpcStatus(error);
  const name = Object.entries(GrpcStatus).find(([, code]) => code === status)?.[0];
  const reason = name?.toLowerCase() ?? 'other';
  if (status === GrpcStatus.RESOURCE_EXHAUSTED) {
    // The server takes starts, but at a lower rate. A pause of all starts would only end in the next flood.
    const before = rate.limit;
    const perSecond = rate.exhausted();
    metrics.backoff.inc({ stream: stream.name, reason });
    if (perSecond === before) return;
    const fields = { stream: stream.name, perSecond, error: errorWithCause(error) };
    logger.warn(fields, "Temporal's rate limit is reached; starts slow down");
    return;
  }
  const waitMs = Math.round(backoff.failed(reason));
  metrics.backoff.inc({ stream: stream.name, reason });
  logger.warn(
    { stream: stream.name, reason, waitMs, error: errorWithCause(error) },
    'Temporal did not take a workflow start; starts pause',
  );
}
