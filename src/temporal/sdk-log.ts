import { errorWithCause } from '../domain/errors';
import { HEAD_OF_KEY } from '../domain/stream/hold';
import type { WorkflowFailureType } from '../domain/workflow/failure';
import { TASK_QUEUE_PREFIX } from '../domain/stream/stream';

/** The fields that Temporal's SDK attaches to a log line. */
export type SdkFields = Record<string, unknown>;

const MAX_ERROR_LENGTH = 2_000;
/** The SDK's warning at each start: the worker with the reserved slots has activities only, which is intended. */
const NO_WORKFLOWS = 'No workflows registered';
/** Error types by which an activity says that another attempt, which follows, is to do the work. */
const NO_FAILURES = ['ChunkNotHeld' satisfies WorkflowFailureType, HEAD_OF_KEY];

/**
 * Turns the fields of a line of the SDK into those of our log. The SDK logs each failure with a stack trace of
 * framework code and without the record; those fields stay only at level debug. `isTold`: nobody needs the line,
 * most often because a line of our own reports the same with the record.
 */
export function sdkLine(
  message: string,
  fields: SdkFields = {},
  isDebug: boolean,
): { fields: SdkFields; isTold: boolean } {
  const { error } = fields;
  if (error === undefined) return { fields, isTold: message.startsWith(NO_WORKFLOWS) };
  return { fields: isDebug ? fields : shortFields(fields, error), isTold: isTold(message, fields) };
}

function isTold(message: string, fields: SdkFields): boolean {
  const { activityType, workflowType, letterType } = fields;
  // Our interceptor sets `letterType` when the workflow has dead-lettered its record.
  if (message === 'Workflow failed') return letterType !== undefined;
  if (message !== 'Activity failed') return false;
  const type = typeOf(fields.error);
  if (NO_FAILURES.includes(type)) return true;
  if (activityType !== 'deliver') return false;
  // A retriable error is only one failed attempt. After any other error deliverRecord dead-letters the record.
  return type === 'Transient' || type === 'Throttled' || workflowType === 'deliverRecord';
}

function shortFields(fields: SdkFields, error: unknown): SdkFields {
  const { taskQueue, workflowId, workflowType, activityType: activity, attempt } = fields;
  const isOurs = typeof taskQueue === 'string' && taskQueue.startsWith(TASK_QUEUE_PREFIX);
  const text = errorWithCause(error);
  return {
    ...(isOurs ? { stream: streamOf(taskQueue) } : { taskQueue }),
    ...{ workflowId, workflowType, activity },
    errorType: typeOf(error),
    error: text.length > MAX_ERROR_LENGTH ? `${text.slice(0, MAX_ERROR_LENGTH)}…` : text,
    attempt,
  };
}

/** The stream's name. `~reserved` may follow it in the task queue: see `reservedQueue`. */
function streamOf(taskQueue: string): string {
  return taskQueue.slice(TASK_QUEUE_PREFIX.length).split('~')[0]!;
}

/** An error that came out of the workflow sandbox has lost its `type`, but keeps its `name`. */
function typeOf(error: unknown): string {
  const { type, name } = Object(error) as { type?: unknown; name?: unknown };
  return typeof type === 'string' ? type : String(name);
}
