/** `cloudsync/s3`: the sink for S3, which needs the package `@aws-sdk/client-s3`. */
export { s3Sink, type S3SinkOptions } from './sinks/object-store/s3';
export type { ObjectSinkOptions } from './sinks/object-store/object-store';
