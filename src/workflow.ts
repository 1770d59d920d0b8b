/**
 * `cloudsync/workflow`: the module that a user's own record workflow imports. It must not import Node
 * modules, because workflows run in Temporal's sandbox.
 */
export { deadLetter } from './workflows/dead-letter';
export { activityFailure } from './workflows/failure';
export type { RecordFailure } from './domain/workflow/failure';
export type { DeliverResult, RecordActivities } from './domain/workflow/record-activities';
export type { RecordInput } from './domain/record/record';
export type { RetryPolicy } from './domain/stream/retry-policy';
