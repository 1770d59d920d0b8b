import type { Progress } from './progress';
import type { LocalPorts } from './local-ports';

export interface UpOptions {
  /** The folder for state, data and logs, as `.cloudsync/dev`. */
  directory: string;
  /** The folder for binaries, which checkouts share; see `userCacheDirectory`. */
  cacheDirectory: string;
  /** Servers that the environment names. An address is used as it is, and no server is started in its place. */
  given: {
    brokers?: string[] | undefined;
    temporalAddress?: string | undefined;
    /** Default `default`. Registered if `up` has started the Temporal server. */
    namespace?: string | undefined;
    /** Whether the user has an S3 or a storage account. Then no local server is started in its place. */
    s3?: boolean | undefined;
    blob?: boolean | undefined;
  };
  /** Whether local servers in place of the clouds are wanted; default false. */
  cloud?: boolean | undefined;
  ports?: Partial<LocalPorts> | undefined;
  /** Whether Temporal's CLI may be downloaded; default true. */
  download?: boolean | undefined;
  /** Maximum heap of Kafka; default `1g`. */
  kafkaHeap?: string | undefined;
  progress: Progress;
}
