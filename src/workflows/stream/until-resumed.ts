import { condition, defineSignal, setHandler } from '@temporalio/workflow';

const resume = defineSignal<[{ by: string }]>('resume');

/** Resolves when somebody sends the signal `resume`, with who sent it: `probe`, `operator`, or `user@host`. */
export async function untilResumed(): Promise<string> {
  let resumedBy: string | undefined;
  // A signal sent by hand may have no argument. A handler that throws would block the workflow for ever.
  setHandler(resume, (sent?: { by?: string }) => void (resumedBy = sent?.by ?? 'unknown'));
  await condition(() => resumedBy !== undefined);
  return resumedBy!;
}
