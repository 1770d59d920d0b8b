import { errorMessage } from '../../domain/errors';
import { LocalServerError } from '../common/errors';
import { azuriteConnectionString, LOCAL_S3 } from '../common/local-clouds';

/** Creates a bucket on the local S3 server at this URL, unless the bucket exists. */
export async function ensureBucket(endpoint: string, bucket: string): Promise<void> {
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const { region, ...credentials } = LOCAL_S3;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    const { name } = error as Error;
    if (name !== 'BucketAlreadyOwnedByYou') throw notCreated('bucket', bucket, endpoint, error);
  } finally {
    client.destroy();
  }
}

/** Creates a container on the local Blob Storage server at this URL, unless the container exists. */
export async function ensureContainer(endpoint: string, container: string): Promise<void> {
  const { BlobServiceClient } = await import('@azure/storage-blob');
  const client = BlobServiceClient.fromConnectionString(azuriteConnectionString(endpoint));
  try {
    await client.getContainerClient(container).createIfNotExists();
  } catch (error) {
    throw notCreated('container', container, endpoint, error);
  }
}

function notCreated(what: string, name: string, endpoint: string, error: unknown) {
  return new LocalServerError(
    `${what} ${name} can't be created on the server at ${endpoint}: ${errorMessage(error)}; ` +
      'if it is not one that dev up has started, stop it',
  );
}
