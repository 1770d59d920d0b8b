import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  REPLAY_REFUSED,
  ReplayActivities,
  ReplayRequest,
  ReplayResult,
} from '../../domain/stream/replay';
import { autoUpgrade } from '../auto-upgrade';
import { reservedQueue } from '../reserved-queue';

/** Ends the replay after the records under way; `by` says who asked for it. */
export const stop = defineSignal<[{ by: string }]>('stop');

const REFUSED = 'ReplayRefused' satisfies typeof REPLAY_REFUSED;

/** A replay that waits for its records, or has a low rate, may take days. */
const ATTEMPT_TIMEOUT = '365d';
/** After this long without a heartbeat another worker goes on with the replay. */
const HEARTBEAT_TIMEOUT = '30s';

/**
 * Replays dead letters of a stream. One activity makes the plan and carries it out. If its worker dies, the next
 * attempt reads from the stream's state topic what was done, and goes on.
 */
export async function replayLetters(request: ReplayRequest): Promise<ReplayResult> {
  const activities = proxyActivities<ReplayActivities>({
    taskQueue: reservedQueue(workflowInfo().taskQueue),
    startToCloseTimeout: ATTEMPT_TIMEOUT,
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      initialInterval: '1s',
      backoffCoefficient: 2,
      maximumInterval: '30s',
      nonRetryableErrorTypes: [REFUSED],
    },
  });
  const scope = new CancellationScope();
  let stoppedBy: string | null = null;
  // A signal sent by hand may have no argument. A handler that throws would block the workflow for ever.
  setHandler(stop, (sent?: { by?: string }) => {
    stoppedBy = sent?.by ?? 'unknown';
    scope.cancel();
  });
  const progress = await scope
    .run(() => activities.replayLetters(request))
    .catch((error: unknown) => {
      // The stop came between two attempts of the activity, or no worker has answered since.
      if (isCancellation(error) || (stoppedBy !== null && !isRefused(error))) return null;
      throw error;
    });
  // Somebody may have cancelled the workflow in the Temporal UI.
  if (CancellationScope.current().consideredCancelled) stoppedBy ??= 'unknown';
  return { progress, stoppedBy };
}

/** Whether the replay can't succeed as it was asked for. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === REFUSED;
}

autoUpgrade(replayLetters);
