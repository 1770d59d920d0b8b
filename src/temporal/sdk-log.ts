import { errorWithCause } from '../domain/errors';
import { HEAD_OF_KEY } from '../domain/stream/hold';
import { TASK_QUEUE_PREFIX } from '../domain/stream/stream';

/** What Temporal's SDK says with a log line. */
export type SdkFields = Record<string, unknown>;

const MAX_ERROR_LENGTH = 2_000;
/** A warning at each start. The worker with the reserved slots has activities only, and so it is meant. */
const NO_WORKFLOWS = 'No workflows registered';
/** How an activity says that another attempt, which follows, is the one to do the work. */
const NO_FAILURES = ['ChunkNotHeld', HEAD_OF_KEY];

/**
 * The fields of a line of the SDK, as our log has them. The SDK logs each failure with a stack trace of framework
 * code and without the record: at level debug that stays. `isTold`: nobody needs the line, most often because a line of
 * our own says the same, with the record.
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
  // Set by our interceptor: the workflow has written a dead letter.
  if (message === 'Workflow failed') return letterType !== undefined;
  if (message !== 'Activity failed') return false;
  const type = typeOf(fields.error);
  if (NO_FAILURES.includes(type)) return true;
  if (activityType !== 'deliver') return false;
  // What is tried again is a failed attempt; deliverRecord dead-letters everything else.
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

/** Behind the name there may be `~reserved`: see `reservedQueue`. */
function streamOf(taskQueue: string): string {
  return taskQueue.slice(TASK_QUEUE_PREFIX.length).split('~')[0]!;
}

/** An error that came out of the workflow sandbox has lost its type, and keeps its name. */
function typeOf(error: unknown): string {
  const { type, name } = Object(error) as { type?: unknown; name?: unknown };
  return typeof type === 'string' ? type : String(name);
}
