import type { AwsClientSettings } from './local-environment';

export interface S3Settings {
  bucket?: string;
  prefix?: string;
  forcePathStyle: boolean;
  /** What the AWS SDK, which reads the process's environment itself, would not find there. */
  client: AwsClientSettings;
}

export interface AzureSettings {
  container?: string;
  prefix?: string;
  connectionString?: string;
  accountUrl?: string;
}
