import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { bridge } from './bridge-sinks';

/** Signal to the predecessor: "notify me when you have ended", with the sender's workflow id. */
const tellEnd = defineSignal<[workflowId: string]>('cloudsync.tellEnd');
/** The answer to `tellEnd`, with the id of the workflow that ends. */
const hasEnded = defineSignal<[workflowId: string]>('cloudsync.ended');

/** A terminated predecessor notifies nobody, so it is asked again, at intervals that grow from 1 to 10 minutes. */
const FIRST_INTERVAL_MS = 60_000;
const LONGEST_INTERVAL_MS = 600_000;

/**
 * Waits until the predecessor has ended. No end is missed, because the server completes no workflow that has a
 * signal it has not seen. So the predecessor either receives the signal and answers it, or the signal fails because
 * the predecessor is gone. Cancellation does not shorten the wait: later records of the key would overtake.
 */
export function waitFor(predecessor: string): Promise<void> {
  return CancellationScope.nonCancellable(async () => {
    const { workflowId } = workflowInfo();
    // A record is named as its own predecessor if it was the last record of its key, and comes again after
    // retention has deleted its run.
    if (predecessor === workflowId) return;
    bridge.firstTaskOver();
    let ended = false;
    setHandler(hasEnded, (sender) => {
      ended ||= sender === predecessor;
    });
    for (let interval = FIRST_INTERVAL_MS; ; interval *= 2) {
      if (!(await signalled(predecessor, tellEnd, workflowId))) return;
      const waitMs = Math.min(interval, LONGEST_INTERVAL_MS);
      if (await condition(() => ended, waitMs)) return;
    }
  });
}

/** Collects the workflows that wait for this one. Returns the function that notifies them of the end. */
export function takeWaiting(): () => Promise<void> {
  const waiting = new Set<string>();
  setHandler(tellEnd, (sender) => void waiting.add(sender));
  return () =>
    CancellationScope.nonCancellable(async () => {
      const { workflowId } = workflowInfo();
      // While one workflow is notified another may ask: the loop reaches the new entry as well.
      for (const sender of waiting) await signalled(sender, hasEnded, workflowId);
    });
}

/** False: no such workflow runs. Any other failure of a signal says nothing about the receiver, so it gives true. */
async function signalled(
  receiver: string,
  signal: typeof tellEnd,
  sender: string,
): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(receiver).signal(signal, sender);
    return true;
  } catch (error) {
    return !(
      error instanceof ApplicationFailure && error.type === 'ExternalWorkflowExecutionNotFound'
    );
  }
}
