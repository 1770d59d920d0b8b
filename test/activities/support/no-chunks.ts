import { RecentLayer } from '../../../src/dedupe/recent-layer';
import type { ActivityDependencies } from '../../../src/activities/create-activities';

const unexpected = () => {
  throw new Error('no chunk is expected');
};

/** The chunk dependencies for tests without chunks. A call of almost any of them throws. */
export const noChunks: ActivityDependencies['chunks'] = {
  events: {
    delivered: unexpected,
    duplicate: unexpected,
    checked: unexpected,
    waiting: unexpected,
    expired: unexpected,
    filtered: unexpected,
    decoding: () => undefined,
    attemptFailed: unexpected,
    attemptSucceeded: unexpected,
  },
  reader: { read: unexpected, earliest: unexpected, close: unexpected },
  startOwnWorkflow: unexpected,
  recent: new RecentLayer(
    {
      isProcessed: unexpected,
      markProcessed: unexpected,
      tryAcquireLock: unexpected,
      releaseLock: unexpected,
    } as never,
    1,
  ),
};
