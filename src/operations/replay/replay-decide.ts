import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { grpcStatus, GrpcStatus } from '../../temporal/temporal';
import type { RecordPosition } from '../../domain/record/record';
import type { RecordEnd, UnderWay } from '../../domain/stream/replay';
import type { AnyStream } from '../../domain/stream/stream';
import { hasFailed, latestRun, statusName } from '../runs/failed-runs';
import type { LetterStates } from '../dead-letters/letter-states';
import type { Disposition, LetterProgress } from '../dead-letters/state-entries';
import { positionOf, type Letter } from './replay-letters';
import { nowSkipped, stillInvalid, worthOfRun } from '../runs/replay-validity';

/** The replay's decision on a letter. */
export type Decision =
  | { action: 'run'; failed: { workflowId: string; runId: string } }
  | { action: 'send'; source: RecordPosition }
  /** This replay has already done it, before it was resumed. */
  | { action: 'done'; outcome: 'replayed' | 'sentBack'; underWay: UnderWay; end?: RecordEnd }
  /** `underWay`: the run or position that takes care of the record, or soon will. */
  | { action: 'refuse'; reason: string; underWay?: UnderWay; end?: RecordEnd };

export interface DecideContext {
  client: Client;
  stream: AnyStream;
  /** Limit for how often a record is sent back to its topic. */
  maxReplays: number;
  /** The replay's id. */
  replay: string;
  /** What this replay, other replays and people have done with the letter before. */
  states: Pick<LetterStates, 'progressOf' | 'dispositionOf'>;
}

/** Decides from the letter, the workflow's latest run, and what was done with the letter before. */
export async function decide(context: DecideContext, letter: Letter): Promise<Decision> {
  const { client, stream, states, replay } = context;
  const { workflowId } = letter;
  const { own: progress, earlier } = states.progressOf(letter, replay);
  const done = doneBefore(letter, progress);
  if (done) return done;
  const discarded = states.dispositionOf(letter);
  if (discarded) return { action: 'refuse', reason: describeDisposition(discarded) };
  if (workflowId === null) return { action: 'refuse', reason: 'the letter names no workflow' };
  let run;
  try {
    run = await latestRun(client, workflowId);
  } catch (error) {
    // Anybody may write a letter, with any workflow id in it.
    if (grpcStatus(error) !== GrpcStatus.INVALID_ARGUMENT) throw error;
    return { action: 'refuse', reason: 'the letter names no workflow that could exist' };
  }
  if (!run && progress.starting) {
    const reason = 'the log does not say whether it was started again, and the workflow is gone';
    return { action: 'refuse', reason };
  }
  if (!run) return replayedBefore(earlier) ?? decideToSend(context, letter);
  if (run.taskQueue !== stream.taskQueue) {
    const reason = `its workflow belongs to task queue ${run.taskQueue}, not to the stream`;
    return { action: 'refuse', reason };
  }
  const { runId } = run;
  if (progress.starting && progress.starting.runId !== runId) {
    // The log ends between "starting" and "started", and the workflow has a new run.
    return { action: 'done', outcome: 'replayed', underWay: { workflowId, runId } };
  }
  return hasFailed(run) ? decideToRun(context, letter, run) : refuseRun(letter, run);
}

function describeDisposition({ by, at, reason }: Disposition): string {
  return `discarded by ${by} at ${at}${reason === null ? '' : `: ${reason}`}`;
}

function doneBefore(letter: Letter, { started, sent, ended }: LetterProgress) {
  const end = ended && { end: ended };
  if (started) {
    return { action: 'done', outcome: 'replayed', underWay: started, ...end } as const;
  }
  if (!sent) return undefined;
  const underWay = { sentTo: sent, timestamp: letter.content.timestamp };
  return { action: 'done', outcome: 'sentBack', underWay, ...end } as const;
}

/**
 * Refuses a letter that an earlier replay has run again, if the run is gone. If the record had died again, a
 * newer letter would have replaced this one.
 */
function replayedBefore({ started, ended }: LetterProgress): Decision | undefined {
  if (!started || ended === 'deadAgain') return undefined;
  const reason = `replayed already: run ${started.runId}, which is gone`;
  return { action: 'refuse', reason, underWay: started, end: 'delivered' };
}

function refuseRun(
  letter: Letter,
  { workflowId, runId, status, type }: WorkflowExecutionDescription,
): Decision {
  const reason = `its latest run is ${statusName(status.name)}`;
  // A run after the one that wrote the letter has delivered the record, or found it at the sink. Only the record of an
  // invalid record's workflow may have gone on in another workflow.
  const isLater = letter.runId !== null && runId !== letter.runId;
  const isDelivered = status.name === 'COMPLETED' && isLater && type !== 'invalidRecord';
  const end = isDelivered && { end: 'delivered' as const };
  return { action: 'refuse', reason, underWay: { workflowId, runId }, ...end };
}

function decideToRun(
  context: DecideContext,
  letter: Letter,
  { workflowId, runId }: WorkflowExecutionDescription,
): Decision {
  const run = { action: 'run', failed: { workflowId, runId } } as const;
  if (letter.content.missing) return run;
  const worth = worthOfRun(letter.errorType, letter.content);
  if (worth === 'run') return run;
  if (worth === 'send') return decideToSend(context, letter);
  return { action: 'refuse', reason: worth.refuse };
}

function decideToSend({ stream, maxReplays }: DecideContext, letter: Letter): Decision {
  const source = positionOf(letter);
  const refuse = (reason: string): Decision => ({ action: 'refuse', reason });
  if (!source) return refuse('the letter does not say where its record lay');
  if (source.topic !== stream.topic) {
    return refuse(
      `its record came from topic ${source.topic}, and the stream reads ${stream.topic}`,
    );
  }
  if (letter.content.missing) return refuse('the letter does not contain its record');
  const { invalid, skipped, fitsWorkflow } = letter.content;
  if (skipped !== undefined) return refuse(nowSkipped(skipped));
  if (invalid !== undefined) return refuse(stillInvalid(invalid));
  if (!fitsWorkflow && stream.execution.lane === 'record') {
    return refuse(
      stillInvalid(
        "RecordTooLarge: it does not fit into a workflow's input; the chunk lane can deliver it",
      ),
    );
  }
  if (letter.replays >= maxReplays) {
    const times = letter.replays === 1 ? 'once' : `${letter.replays} times`;
    return refuse(`it was sent back ${times} before: --max-replays raises the limit`);
  }
  return { action: 'send', source };
}
