/**
 * A state of a whole stream, for all its processes. It lasts as long as its workflow runs: the running execution is the
 * state, and its memo is the reason.
 */
export interface LastingState<Reason extends object> {
  workflowType: string;
  /** Only one workflow with this id runs at a time. */
  workflowId: (stream: string) => string;
  /** One line for people. */
  describe: (reason: Reason) => string;
}

/** The signal that ends a lasting state, with who asked for it. */
export const RESUME_SIGNAL = 'resume';
