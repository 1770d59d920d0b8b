import { Context } from '@temporalio/activity';
import type { AttemptDetails } from '../../domain/workflow/failure';

const HEARTBEAT_INTERVAL_MS = 3_000;

/** Heartbeats the attempt's number while `use` runs, where that is looked at: in a regular activity. */
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
