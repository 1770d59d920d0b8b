/** A program of a user with the SDKs of both clouds. Tried as an ES module and as CommonJS. */
import { S3Client } from '@aws-sdk/client-s3';
import { DefaultAzureCredential } from '@azure/identity';
import { BlobServiceClient } from '@azure/storage-blob';
import { defineStream, messageSchema, type Sink } from 'cloudsync';
import { azureBlobSink, type AzureBlobSinkOptions } from 'cloudsync/azure-blob';
import { s3Sink, type S3SinkOptions } from 'cloudsync/s3';

const bucket: S3SinkOptions = { bucket: 'payments', prefix: 'prod' };
const container: Pick<AzureBlobSinkOptions, 'container'> = { container: 'payments' };
const accountUrl = 'https://shop.blob.core.windows.net';

const sinks: Sink[] = [
  s3Sink(bucket),
  s3Sink({ ...bucket, clientConfig: { region: 'eu-west-1' } }),
  s3Sink({ ...bucket, client: new S3Client({ region: 'eu-west-1' }) }),
  azureBlobSink({ ...container, accountUrl }),
  azureBlobSink({ ...container, accountUrl, credential: new DefaultAzureCredential() }),
  azureBlobSink({ ...container, client: new BlobServiceClient(accountUrl) }),
];
const streams = sinks.map((sink, index) =>
  defineStream({ name: `payments-${index}`, topic: 'shop.payments', schema: messageSchema, sink }),
);
console.log(JSON.stringify(streams.map(({ name }) => name)));
