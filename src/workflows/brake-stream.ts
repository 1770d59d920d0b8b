import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import type { BrakeReason } from '../domain/stream/brake';
import { autoUpgrade } from './auto-upgrade';

/** Ends the brake; `by` says who asked for it: `probe` or `operator`. */
export const resume = defineSignal<[{ by: string }]>('resume');

/**
 * Runs for as long as its stream is braked: bridge workers of the stream start nothing meanwhile. It does
 * nothing by itself. The reason is its input for people who look at it.
 */
export async function brakeStream(
  reason: BrakeReason,
): Promise<BrakeReason & { resumedBy: string }> {
  let resumedBy: string | undefined;
  // Sent by hand it may say nothing; a handler that throws would hold the workflow up for ever.
  setHandler(resume, (sent?: { by?: string }) => void (resumedBy = sent?.by ?? 'unknown'));
  await condition(() => resumedBy !== undefined);
  return { ...reason, resumedBy: resumedBy! };
}

autoUpgrade(brakeStream);
