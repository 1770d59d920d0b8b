import { activityInfo, Context } from '@temporalio/activity';
import { classifyError, DeliveryError, isRetryable } from '../../domain/errors';
import {
  parseNow,
  parseOrThrow,
  parsesLater,
  type Parsed,
  withoutFilters,
} from '../../domain/workflow/parse';
import {
  decodeContent,
  type KafkaRecord,
  type RecordInput,
  type RecordPosition,
} from '../../domain/record/record';
import type { SinkRecord, WriteResult } from '../../domain/stream/sink';
import type { AnyStream } from '../../domain/stream/stream';
import type { TraceContext } from '../../domain/record/trace-context';
import { within, type Tracing } from '../../telemetry/tracing';
import { attemptFailure } from '../attempt/attempt-failure';
import { withHeartbeats } from '../attempt/heartbeat';
import type { DeliveryGuard } from '../guard/delivery-guard';
import type { DeliverResult } from '../../domain/workflow/record-activities';
import { withTimeLimit } from '../attempt/time-limit';

/** What events say of a record. */
export type DeliveredRecord = Pick<
  RecordInput,
  'stream' | 'messageId' | 'topic' | 'partition' | 'offset'
>;

/** What happens at the sink, for logs and metrics. */
export interface DeliveryEvents {
  /** The sink had the message already, from another record. */
  duplicateAtSink(record: DeliveredRecord): void;
  /** An attempt failed, and another attempt may succeed; `attempt` counts from 1. */
  attemptFailed(record: DeliveredRecord, errorType: string, message: string, attempt: number): void;
  /** An attempt succeeded; `seconds` since it began. */
  attemptSucceeded(record: DeliveredRecord, seconds: number): void;
}

/** The sink's write ends this long before the activity's limit, so that the attempt's error arrives first. */
const DEADLINE_MARGIN_MS = 250;

export interface DeliverDependencies {
  stream: AnyStream;
  events: DeliveryEvents;
  guard: DeliveryGuard;
  /** Absent: no spans. */
  tracing?: Tracing | undefined;
}

/** One attempt to deliver a record to its stream's sink. `earlierAttempts`: at earlier stages of its workflow. */
export async function deliver(
  deps: DeliverDependencies,
  record: RecordInput,
  earlierAttempts: number,
): Promise<DeliverResult> {
  const span = deps.tracing?.process(
    deps.stream,
    { ...record, headers: decodeContent(record)?.headers ?? [] },
    activityInfo(),
  );
  return within(
    span,
    () => deliverOnce(deps, record, earlierAttempts, span?.trace),
    ({ outcome }) => ({ 'cloudsync.outcome': outcome }),
  );
}

async function deliverOnce(
  { stream, events, guard }: DeliverDependencies,
  record: RecordInput,
  earlierAttempts: number,
  trace: TraceContext | undefined,
): Promise<DeliverResult> {
  const info = activityInfo();
  const attempts = earlierAttempts + info.attempt;
  try {
    const permit = await guard.before(record);
    const started = performance.now();
    const result = await write(stream, record, trace);
    events.attemptSucceeded(record, (performance.now() - started) / 1000);
    await permit.afterDelivered();
    const duplicate = result.outcome === 'duplicate' && !isOwnWrite(result, record, attempts);
    if (duplicate) events.duplicateAtSink(record);
    const outcome = duplicate ? 'duplicate' : 'delivered';
    return { outcome, attempts, ...(result.location && { location: result.location }) };
  } catch (error) {
    if (guard.isRefusal(error)) throw error;
    const failure = classifyError(error, (e) => stream.sink.classify?.(e));
    const { type } = failure;
    const { cancellationSignal } = Context.current();
    // The worker shuts down, and Temporal gives the record to another worker. An error of the sink is then often
    // only its answer to the signal.
    if (cancellationSignal.aborted && isRetryable(type)) throw cancellationSignal.reason;
    const failed = attemptFailure(failure);
    if (isRetryable(type)) events.attemptFailed(record, type, failed.message, attempts);
    throw failed;
  }
}

/** Runs the sink's write within the activity's time, with heartbeats. */
async function write(
  stream: AnyStream,
  input: RecordInput,
  trace: TraceContext | undefined,
): Promise<WriteResult> {
  const { attempt, startToCloseTimeoutMs } = activityInfo();
  const limitMs = Math.max(startToCloseTimeoutMs - DEADLINE_MARGIN_MS, 1);
  return withHeartbeats(() =>
    withTimeLimit(limitMs, (signal) => {
      const context = { signal, attempt, ...(trace && { trace }) };
      const record = contentOf(input);
      const give = (parsed?: Parsed) =>
        stream.sink.write(sinkRecord(stream, input, record, parsed), context);
      // A sink reads the message without waiting, so a message that needs a promise is parsed before.
      return parsesLater(stream) ? parseOrThrow(withoutFilters(stream), record).then(give) : give();
    }),
  );
}

/**
 * Whether the sink has the object from this very record, by an attempt whose reply was lost. Some sinks know which
 * record wrote the object. For the others, any earlier attempt at the record counts as the writer.
 */
export function isOwnWrite(result: WriteResult, record: RecordPosition, attempts: number): boolean {
  const { writtenBy } = result;
  if (!writtenBy) return attempts > 1;
  return (
    writtenBy.topic === record.topic &&
    writtenBy.partition === record.partition &&
    writtenBy.offset === record.offset
  );
}

function contentOf(input: RecordInput): KafkaRecord & { value: Buffer } {
  const record = decodeContent(input);
  if (!record || record.value === null) throw new DeliveryError('Permanent', 'no value to deliver');
  return { ...record, value: record.value };
}

/** The record for the sink. Its message is parsed when it is first read, unless `parsed` is given. */
function sinkRecord(
  stream: AnyStream,
  input: RecordInput,
  record: ReturnType<typeof contentOf>,
  parsed: Parsed | undefined,
): SinkRecord {
  return {
    ...record,
    stream: stream.name,
    messageId: input.messageId,
    workflowId: activityInfo().workflowExecution!.workflowId,
    get message() {
      const result = parsed ?? parseNow(withoutFilters(stream), record);
      if (result.ok) return result.message;
      throw new DeliveryError('Permanent', `${result.reason.type}: ${result.reason.message}`);
    },
  };
}
