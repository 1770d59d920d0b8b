import { setTimeout as sleep } from 'node:timers/promises';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/common';
import {
  decodeFromPayloadsAtIndex,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow';
import { tsToMs } from '@temporalio/common/lib/time';
import { errorMessage, UsageError } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import {
  REPLAY_REFUSED,
  REPLAY_WORKFLOW_TYPE,
  replayWorkflowId,
  STOP_REPLAY_SIGNAL,
  type ReplayProgress,
  type ReplayRequest,
  type ReplayResult,
} from '../../domain/stream/replay';
import { summary } from '../../domain/workflow/summary';
import { unlessAborted } from '../../lib/unless-aborted';
import { stuckAttempts, taskFailure } from '../../temporal/open-workflows';
import { withSummary } from '../../temporal/temporal';
import { latestRun } from '../runs/failed-runs';

/** A replay that runs. */
export interface RunningReplay {
  replay: string;
  by: string;
  /** When it was asked for, ISO 8601. */
  at: string;
  runId: string;
}

/** What the memo of a replay's workflow says. */
type ReplayMemo = Pick<ReplayRequest, 'stream' | 'replay' | 'by' | 'at'>;

/** Starts the replay's workflow. Throws if a replay of the stream is running. */
export async function startReplay(
  client: Client,
  stream: AnyStream,
  request: ReplayRequest,
): Promise<RunningReplay> {
  const { replay, by, at } = request;
  const memo: ReplayMemo = { stream: stream.name, replay, by, at };
  try {
    const { firstExecutionRunId: runId } = await client.workflow.start(REPLAY_WORKFLOW_TYPE, {
      workflowId: replayWorkflowId(stream.name),
      taskQueue: stream.taskQueue,
      args: [request],
      memo: { ...memo },
      ...withSummary(client, summary(`${stream.name} replay ${replay}`)),
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
    });
    return { replay, by, at, runId };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const other = await runningReplay(client, stream);
    const whose = other
      ? `replay ${other.replay}, asked for by ${other.by} at ${other.at},`
      : 'one';
    throw new Error(
      `a stream has one replay at a time, so that no letter is sent twice, and ${whose} is running: wait for it, or stop it with "cloudsync dlq replay --stream ${stream.name} --stop"`,
      { cause: error },
    );
  }
}

/** The replay of the stream that is running; undefined if there is none. */
export async function runningReplay(
  client: Client,
  { name }: Pick<AnyStream, 'name'>,
): Promise<(RunningReplay & { run: WorkflowExecutionDescription }) | undefined> {
  const run = await latestRun(client, replayWorkflowId(name));
  if (run?.status.name !== 'RUNNING' || run.type !== REPLAY_WORKFLOW_TYPE) return undefined;
  const { replay, by, at } = run.memo as unknown as ReplayMemo;
  return { replay, by, at, runId: run.runId, run };
}

/** Asks the running replay to end after the records under way. Returns whether there was one. */
export async function stopReplay(
  client: Client,
  { name }: Pick<AnyStream, 'name'>,
  by: string,
  /** The run of the replay that is meant. Default: whatever replay runs. */
  runId?: string,
): Promise<boolean> {
  try {
    await client.workflow
      .getHandle(replayWorkflowId(name), runId)
      .signal(STOP_REPLAY_SIGNAL, { by });
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Milliseconds between two looks at a replay. */
const LOOK_INTERVAL_MS = 500;
/** A worker takes a task within a moment, unless there is no worker. */
const TAKEN_WITHIN_MS = 3_000;
/** The state of a task that no worker has, in Temporal's enums of pending workflow tasks and activities. */
const SCHEDULED = 1;

export interface FollowOptions {
  onProgress: (progress: ReplayProgress) => void;
  /** Receives each text once: what the replay has to say, and why it does not go on. */
  onNotice: (text: string) => void;
  /** Aborting it ends the wait. The replay goes on. */
  signal: AbortSignal;
}

/**
 * Waits for the end of a replay; undefined if the signal aborts first. Throws a {@link UsageError} if the replay can't
 * succeed as it was asked for.
 */
export async function followReplay(
  client: Client,
  { name }: Pick<AnyStream, 'name'>,
  runId: string,
  { onProgress, onNotice, signal }: FollowOptions,
): Promise<ReplayResult | undefined> {
  const handle = client.workflow.getHandle(replayWorkflowId(name), runId);
  const said = new Set<string>();
  const say = (text: string) => {
    if (!said.has(text)) onNotice(text);
    said.add(text);
  };
  let over = false;
  const result = unlessAborted(resultOf(handle), signal).finally(() => (over = true));
  result.catch(() => undefined);
  while (!over) {
    await Promise.race([result, sleep(LOOK_INTERVAL_MS)]).catch(() => undefined);
    if (signal.aborted) break;
    const run = await handle.describe();
    const { progress, notices } = await lookAt(client, name, run);
    notices.forEach(say);
    if (progress) onProgress(progress);
  }
  return (await result)?.value;
}

/** How far a replay has come, and what the operator should know: what the replay says, and why it does not go on. */
export async function lookAt(
  client: Client,
  stream: string,
  run: WorkflowExecutionDescription,
): Promise<{ progress: ReplayProgress | undefined; notices: string[] }> {
  const notices: string[] = [];
  if (isLeft(run)) {
    notices.push(
      `no worker of stream ${stream} has the replay: it waits until a bridge worker or a worker runs`,
    );
  }
  if (stuckAttempts(run) !== undefined) {
    const why = (await taskFailure(client, run)) ?? 'it times out';
    notices.push(
      `the workers of stream ${stream} can't run the replay's workflow, which an earlier version does not know: ${why}`,
    );
  }
  const { progress, failure } = await stateOf(client, run);
  if (failure !== undefined) {
    notices.push(`an attempt of the replay failed, and is repeated: ${failure}`);
  }
  return { progress, notices: [...notices, ...(progress?.notices ?? [])] };
}

/** Why the stream's last replay failed, if it is the replay of this id; otherwise undefined. */
export async function failureOf(
  client: Client,
  { name }: Pick<AnyStream, 'name'>,
  replay: string,
): Promise<string | undefined> {
  const run = await latestRun(client, replayWorkflowId(name));
  if ((run?.memo as ReplayMemo | undefined)?.replay !== replay || run?.status.name === 'RUNNING') {
    return undefined;
  }
  const handle = client.workflow.getHandle(replayWorkflowId(name), run!.runId);
  return resultOf(handle).then(
    () => undefined,
    (error: unknown) => errorMessage(error),
  );
}

async function resultOf(handle: WorkflowHandle): Promise<ReplayResult> {
  try {
    return (await handle.result()) as ReplayResult;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
    if (cause instanceof ApplicationFailure && cause.type === REPLAY_REFUSED) {
      throw new UsageError(cause.message);
    }
    throw new Error(`the replay's workflow has ended: ${errorMessage(cause)}`, { cause: error });
  }
}

/** Whether a task of the replay waits for a worker. */
function isLeft({ status, raw }: WorkflowExecutionDescription): boolean {
  if (status.name !== 'RUNNING') return false;
  const task = raw.pendingWorkflowTask;
  const [activity] = raw.pendingActivities ?? [];
  const waiting = [
    ...(task && Number(task.state) === SCHEDULED ? [task] : []),
    ...(activity && Number(activity.state) === SCHEDULED ? [activity] : []),
  ];
  const now = Date.now();
  return waiting.some(({ scheduledTime }) => now - tsToMs(scheduledTime) > TAKEN_WITHIN_MS);
}

/** What the replay's last heartbeat said, and why its last attempt failed. */
export async function stateOf(
  client: Client,
  { raw }: WorkflowExecutionDescription,
): Promise<{ progress?: ReplayProgress; failure?: string }> {
  const converter = client.options.loadedDataConverter;
  const [activity] = raw.pendingActivities ?? [];
  const payloads = activity?.heartbeatDetails?.payloads;
  const progress = payloads?.length
    ? await decodeFromPayloadsAtIndex<ReplayProgress | undefined>(converter, 0, payloads)
    : undefined;
  const error = await decodeOptionalFailureToOptionalError(converter, activity?.lastFailure);
  return { ...(progress && { progress }), ...(error && { failure: errorMessage(error) }) };
}
