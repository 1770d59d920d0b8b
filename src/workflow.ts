/**
 * What a user's own record workflow imports. Free of Node modules, because workflows run in Temporal's sandbox.
 * @module cloudsync/workflow
 */
export { deadLetter } from './workflows/dead-letter';
export { activityFailure, type ActivityFailureCause } from './workflows/failure';
export type { RecordFailure } from './domain/workflow/failure';
export type { DeliverResult, RecordActivities } from './domain/workflow/record-activities';
export type { EncodedBytes } from './domain/record/encoded-bytes';
export type {
  RecordContent,
  RecordEnvelope,
  RecordInput,
  RecordPosition,
} from './domain/record/record';
export type { RetryPolicy } from './domain/stream/retry-policy';
