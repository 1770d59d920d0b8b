import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import type { BrakeReason } from '../domain/stream/brake';
import { autoUpgrade } from './auto-upgrade';

/** Ends the brake; `by` says who asked for it: `probe` or `operator`. */
export const resume = defineSignal<[{ by: string }]>('resume');

/**
 * Runs while its stream is braked; meanwhile the stream's bridge workers start nothing but probes. The workflow
 * does nothing by itself: its existence is the brake. The reason is its input so that people can read it.
 */
export async function brakeStream(
  reason: BrakeReason,
): Promise<BrakeReason & { resumedBy: string }> {
  let resumedBy: string | undefined;
  // A signal sent by hand may have no argument. A handler that throws would block the workflow for ever.
  setHandler(resume, (sent?: { by?: string }) => void (resumedBy = sent?.by ?? 'unknown'));
  await condition(() => resumedBy !== undefined);
  return { ...reason, resumedBy: resumedBy! };
}

autoUpgrade(brakeStream);
