import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { UsageError } from '../../domain/errors';
import { requireInstalled } from '../../domain/optional-packages';
import type { Sink } from '../../domain/stream/sink';
import { classifyAnswer } from './cloud-errors';
import { mustBe, objectStoreSink, type ObjectSinkOptions, type ObjectStore } from './object-store';
import { S3_ERRORS, s3Answer } from './s3-errors';

/** What {@link s3Sink} takes. */
export interface S3SinkOptions extends ObjectSinkOptions {
  /** Name of the bucket, which must exist. */
  bucket: string;
  /**
   * Addresses objects as `endpoint/bucket/key` in place of `bucket.endpoint/key`. Most servers other than AWS
   * need it. Default false.
   */
  forcePathStyle?: boolean;
  /**
   * Settings of the AWS SDK's client. They override what the SDK finds itself: region, credentials and endpoint
   * come from its own variables, profiles and roles. The client never repeats a request, whatever `maxAttempts`
   * is set here.
   */
  clientConfig?: S3ClientConfig;
  /** A client of your own in place of one made here. It needs `maxAttempts: 1`. You close it. */
  client?: S3Client;
}

/**
 * One object per message in a bucket of S3, or of a server that speaks its protocol and honours
 * `If-None-Match: *`. The SDK is loaded with the first call. Throws a {@link UsageError} if an option is wrong, or if
 * `@aws-sdk/client-s3` is not installed.
 */
export function s3Sink(options: S3SinkOptions): Sink {
  if (!options.bucket) throw new UsageError('the S3 sink needs the name of a bucket');
  requireInstalled('the S3 sink', ['@aws-sdk/client-s3']);
  return objectStoreSink(() => openS3(options), options);
}

async function openS3(options: S3SinkOptions): Promise<ObjectStore> {
  const { bucket: Bucket, forcePathStyle = false, clientConfig } = options;
  const sdk = await import('@aws-sdk/client-s3');
  const client =
    options.client ??
    // Temporal retries already. The SDK's own retries would multiply the attempts, out of sight.
    new sdk.S3Client({ forcePathStyle, ...clientConfig, maxAttempts: 1 });

  return {
    async create(Key, { content, contentType, metadata }, abortSignal) {
      const put = new sdk.PutObjectCommand({
        ...{ Bucket, Key, IfNoneMatch: '*' },
        ...{ Body: content, ContentType: contentType, Metadata: metadata },
      });
      try {
        const { ETag } = await client.send(put, { abortSignal });
        mustBe(ETag);
        return 'created';
      } catch (error) {
        // A 409 does not mean that the object exists: another request for the key was under way. This request
        // must come again.
        if (s3Answer(error)?.status === 412) return 'exists';
        throw error;
      }
    },

    head: (Key, abortSignal) =>
      unlessMissing(async () => {
        const head = new sdk.HeadObjectCommand({ Bucket, Key });
        const answer = await client.send(head, { abortSignal });
        const { ContentLength = 0, ETag, LastModified, Metadata = {} } = answer;
        mustBe(ETag);
        return { length: ContentLength, metadata: Metadata, modified: LastModified };
      }),

    get: (Key, abortSignal) =>
      unlessMissing(async () => {
        const get = new sdk.GetObjectCommand({ Bucket, Key });
        const { Body, ETag } = await client.send(get, { abortSignal });
        mustBe(ETag);
        return Buffer.from(await Body!.transformToByteArray());
      }),

    async remove(Key, abortSignal) {
      await client.send(new sdk.DeleteObjectCommand({ Bucket, Key }), { abortSignal });
    },

    async list(Prefix, ContinuationToken, abortSignal) {
      const list = new sdk.ListObjectsV2Command({ Bucket, Prefix, ContinuationToken });
      const {
        Contents = [],
        IsTruncated,
        NextContinuationToken,
      } = await client.send(list, {
        abortSignal,
      });
      mustBe(IsTruncated);
      return { keys: Contents.flatMap(({ Key }) => Key ?? []), next: NextContinuationToken };
    },

    location: (key) => `s3://${Bucket}/${key}`,

    classify(error) {
      const answer = s3Answer(error);
      return answer && classifyAnswer(answer, S3_ERRORS);
    },

    close() {
      if (!options.client) client.destroy();
    },
  };
}

async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const answer = s3Answer(error);
    if (answer?.status === 404 && answer.code !== 'NoSuchBucket') return undefined;
    throw error;
  }
}
