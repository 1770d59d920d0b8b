import type { PauseReason } from '../../domain/stream/pause';
import { autoUpgrade } from '../auto-upgrade';
import { untilResumed } from './until-resumed';

/**
 * Runs while its stream is paused; meanwhile the stream's bridge workers start nothing. The workflow does nothing by
 * itself: its existence is the pause. The reason is its input so that people can read it.
 */
export async function pauseStream(
  reason: PauseReason,
): Promise<PauseReason & { resumedBy: string }> {
  return { ...reason, resumedBy: await untilResumed() };
}

autoUpgrade(pauseStream);
