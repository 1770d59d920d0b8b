// Creates the bucket and the container of the reference streams in the local storages of
// docker-compose.yml. Safe to run again. Lies in /app of the image, where the SDKs are.
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { BlobServiceClient } from '@azure/storage-blob';

const { CLOUDSYNC_S3_BUCKET, CLOUDSYNC_AZURE_CONTAINER, AZURE_STORAGE_CONNECTION_STRING } =
  process.env;

const s3 = new S3Client({ forcePathStyle: process.env.CLOUDSYNC_S3_FORCE_PATH_STYLE === 'true' });
try {
  await s3.send(new CreateBucketCommand({ Bucket: CLOUDSYNC_S3_BUCKET }));
} catch (error) {
  if (!['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(error.name)) throw error;
}
await BlobServiceClient.fromConnectionString(AZURE_STORAGE_CONNECTION_STRING)
  .getContainerClient(CLOUDSYNC_AZURE_CONTAINER)
  .createIfNotExists();
console.error(`bucket ${CLOUDSYNC_S3_BUCKET} and container ${CLOUDSYNC_AZURE_CONTAINER} exist`);
