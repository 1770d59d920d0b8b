import { RecentLayer } from '../../../src/dedupe/recent-layer';
import type { ActivityDependencies } from '../../../src/activities/create-activities';

const unexpected = () => {
  throw new Error('no chunk is expected');
};

/** For tests of records that do not come in chunks. */
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
