/** The framework's workflows. A user's own workflow needs them beside it. Runs in Temporal's sandbox. */
export { brakeStream } from './stream/brake-stream';
export { deliverChunk } from './deliver-chunk';
export { deliverRecord } from './deliver-record';
export { holdKeys } from './stream/hold-keys';
export { invalidRecord } from './invalid-record';
export { pauseStream } from './stream/pause-stream';
export { replayLetters } from './stream/replay-letters';
