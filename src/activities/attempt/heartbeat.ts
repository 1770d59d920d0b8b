import { Context } from '@temporalio/activity';
import type { AttemptDetails } from '../../domain/workflow/failure';

const HEARTBEAT_INTERVAL_MS = 3_000;

/**
 * Sends a heartbeat with the attempt's number at once, and every 3 s while `use` runs. A local activity sends none:
 * the server would not look at it.
 */
export async function withHeartbeats<T>(use: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const { attempt, isLocal } = context.info;
  if (isLocal) return use();
  const beat = () => context.heartbeat({ attempt } satisfies AttemptDetails);
  beat();
  const interval = setInterval(beat, HEARTBEAT_INTERVAL_MS);
  try {
    return await use();
  } finally {
    clearInterval(interval);
  }
}
