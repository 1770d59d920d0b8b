/**
 * The sink for S3. It needs one more package: `npm install @aws-sdk/client-s3@3`.
 * @module cloudsync/s3
 */
export { s3Sink, type S3SinkOptions } from './sinks/object-store/s3';
export type { ObjectSinkOptions } from './sinks/object-store/object-store';
