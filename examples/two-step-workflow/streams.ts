import { join } from 'node:path';
import { defineStream } from 'cloudsync';
import { confirm, order, release, reserve } from './stock';

/** Orders that are reserved first and confirmed then, by a workflow of their own. */
export default defineStream({
  name: 'reservations',
  topic: 'shop.reservations',
  schema: order,
  messageId: ({ orderNumber }) => orderNumber,
  // The second step: the framework's `deliver` activity calls it, with the stream's retry policy.
  sink: confirm,
  retry: { maximumAttempts: 5 },
  workflow: {
    type: 'reserveThenConfirm',
    workflowsPath: join(__dirname, 'workflows.ts'),
    activities: { reserve, release },
  },
});
