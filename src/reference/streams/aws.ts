import { UsageError, type Settings } from '../../index';
import { s3Sink } from '../../s3';
import { referenceStream } from './reference-stream';

/** Messages to AWS. */
export function awsStream(settings: Settings) {
  return referenceStream('aws', settings, () => {
    const { bucket, client, ...options } = settings.s3;
    if (bucket === undefined) {
      throw new UsageError('CLOUDSYNC_S3_BUCKET: stream aws needs it with CLOUDSYNC_SINK=cloud');
    }
    return s3Sink({
      ...{ ...options, bucket, clientConfig: client },
      chunkObjects: settings.chunkObjects,
    });
  });
}
