import type { RecordPosition } from '../../domain/record/record';
import type { ReconcileReport } from '../../operations/reconcile/reconcile';
import type { StreamStatus } from '../../operations/status/status';
import type { StreamTrace } from '../../operations/trace/trace-stream';
import { TRIED_PAYMENTS } from '../../reference/try/tried-payments';

/** Holds what the servers and the sink tell of one message. */
export interface SeenMessage extends RecordPosition {
  messageId: string;
  /** `duplicate`, or the verdict of `cloudsync trace`. */
  outcome: string;
  /** Counts attempts at the sink; null if the message has no workflow, or if the workflow does not tell. */
  attempts: number | null;
  /** Where the message lies at the sink. */
  location: string | null;
  /** Name of the layer that skipped the duplicate. */
  layer: string | null;
  errorType: string | null;
  errorMessage: string | null;
  workflowId: string | null;
  runId: string | null;
}

/**
 * Describes a message by the trace of its record. The message is a duplicate if three things hold. The sink
 * holds the message; its record has no workflow and no dead letter; the stream has counted a duplicate.
 */
export function seenMessage(
  position: RecordPosition,
  messageId: string,
  { verdict, runs, sinkObject, deadLetters }: StreamTrace,
  { duplicates }: Pick<StreamStatus, 'duplicates'>,
): SeenMessage {
  const run = runs.at(-1);
  const early = duplicates.recent > 0 ? 'recent' : duplicates.workflowId > 0 ? 'workflow-id' : null;
  const atSink = run?.outcome === 'duplicate';
  const isSkipped = !run && deadLetters.length === 0 && verdict === 'delivered' && early !== null;
  return {
    ...position,
    messageId,
    outcome: isSkipped || atSink ? 'duplicate' : verdict,
    attempts: run?.attempts ?? null,
    location: sinkObject?.location ?? null,
    layer: atSink ? 'sink' : isSkipped ? early : null,
    errorType: run?.errorType ?? null,
    errorMessage: run?.errorMessage ?? null,
    workflowId: run?.workflowId ?? null,
    runId: run?.runId ?? null,
  };
}

/** Lists what is not as it must be. */
export function faultsOf(
  messages: Pick<SeenMessage, 'outcome' | 'attempts'>[],
  { lag, running }: Pick<StreamStatus, 'lag' | 'running'>,
  { missing, double }: Pick<ReconcileReport, 'missing' | 'double'>,
): string[] {
  return [
    ...TRIED_PAYMENTS.flatMap(({ about, outcome, attempts }, index) => {
      const must = course(outcome, attempts);
      const seen = messages[index];
      const is = seen ? course(seen.outcome, seen.attempts) : 'not sent';
      return must === is ? [] : [`${about.split(',')[0]} must be ${must}, and is ${is}`];
    }),
    ...(lag > 0 ? [`${lag} records are not committed`] : []),
    ...(running > 0 ? [`${running} workflows are open`] : []),
    ...(missing > 0 ? [`${missing} messages are missing at the sink`] : []),
    ...(double > 0 ? [`${double} messages are at the sink twice`] : []),
  ];
}

function course(outcome: string, attempts: number | null): string {
  return attempts === null ? outcome : `${outcome} at attempt ${attempts}`;
}
