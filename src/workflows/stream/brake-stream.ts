import type { BrakeReason } from '../../domain/stream/brake';
import { autoUpgrade } from '../auto-upgrade';
import { untilResumed } from './until-resumed';

/**
 * Runs while its stream is braked; meanwhile the stream's bridge workers start nothing but probes. The workflow
 * does nothing by itself: its existence is the brake. The reason is its input so that people can read it.
 */
export async function brakeStream(
  reason: BrakeReason,
): Promise<BrakeReason & { resumedBy: string }> {
  return { ...reason, resumedBy: await untilResumed() };
}

autoUpgrade(brakeStream);
