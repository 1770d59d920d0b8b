import type { AwsClientSettings } from './local-environment';

export interface S3Settings {
  bucket?: string;
  prefix?: string;
  forcePathStyle: boolean;
  /** Settings that the AWS SDK does not find in the process's environment, which it reads itself. */
  client: AwsClientSettings;
}

export interface AzureSettings {
  container?: string;
  prefix?: string;
  connectionString?: string;
  accountUrl?: string;
}
