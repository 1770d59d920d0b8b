/** The framework's workflows, and what a user's own workflow needs. Runs in Temporal's sandbox. */
export { brakeStream } from './brake-stream';
export { deliverChunk } from './deliver-chunk';
export { deliverRecord } from './deliver-record';
export { holdKeys } from './hold-keys';
export { invalidRecord } from './invalid-record';
