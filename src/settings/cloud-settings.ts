import type { AwsClientSettings } from './local-environment';

/** Where the reference stream `aws` writes to, from `CLOUDSYNC_S3_*`. */
export interface S3Settings {
  /** Name of the bucket; needed with `CLOUDSYNC_SINK=cloud`. */
  bucket?: string;
  /** What the keys of all objects begin with. Default: nothing. */
  prefix?: string;
  /** Whether requests go to `endpoint/bucket/key` in place of `bucket.endpoint/key`. Default false. */
  forcePathStyle: boolean;
  /** Settings that the AWS SDK does not find in the process's environment, which it reads itself. */
  client: AwsClientSettings;
}

/** Where the reference stream `azure` writes to. */
export interface AzureSettings {
  /** Name of the container; needed with `CLOUDSYNC_SINK=cloud`. */
  container?: string;
  /** What the names of all blobs begin with. Default: nothing. */
  prefix?: string;
  /** Connection string of the storage account; this or `accountUrl` is needed with `CLOUDSYNC_SINK=cloud`. */
  connectionString?: string;
  /** Address of the blob service. */
  accountUrl?: string;
}
