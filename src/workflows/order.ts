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

/** Sent to the workflow before: "tell me when you have ended", with the sender's workflow id. */
const tellEnd = defineSignal<[workflowId: string]>('cloudsync.tellEnd');
/** The answer, with the id of the workflow that ends. */
const hasEnded = defineSignal<[workflowId: string]>('cloudsync.ended');

/** A workflow that was terminated tells nobody: it is asked for again, at growing intervals. */
const FIRST_INTERVAL_MS = 60_000;
const LONGEST_INTERVAL_MS = 600_000;

/**
 * Waits until the workflow before this one has ended. No end is missed: the server completes no
 * workflow that has a signal it has not seen, so the signal is either taken up, and answered, or fails
 * as the workflow is gone. Cancellation does not cut it short: those behind would overtake.
 */
export function waitFor(predecessor: string): Promise<void> {
  return CancellationScope.nonCancellable(async () => {
    const { workflowId } = workflowInfo();
    // As a record that was named as its key's last one, and comes again after retention took its run.
    if (predecessor === workflowId) return;
    bridge.handedOver();
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

/** Keeps who waits for this workflow; returns what tells them that it ends. */
export function takeWaiting(): () => Promise<void> {
  const waiting = new Set<string>();
  setHandler(tellEnd, (sender) => void waiting.add(sender));
  return () =>
    CancellationScope.nonCancellable(async () => {
      const { workflowId } = workflowInfo();
      // While one is told another one may ask.
      for (const sender of waiting) await signalled(sender, hasEnded, workflowId);
    });
}

/** False where no such workflow runs. What else a signal fails with says nothing of the receiver. */
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
