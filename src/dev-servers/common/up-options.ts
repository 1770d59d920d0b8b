import type { Progress } from './progress';
import type { LocalPorts } from './local-ports';

export interface UpOptions {
  /** State, data and logs, as in `.cloudsync/dev`. */
  directory: string;
  /** Binaries, shared between checkouts; see `userCacheDirectory`. */
  cacheDirectory: string;
  /** From the environment. An address is used as it is, and nothing is started in its place. */
  given: {
    brokers?: string[] | undefined;
    temporalAddress?: string | undefined;
    /** Default `default`. Registered where the Temporal server is one of ours. */
    namespace?: string | undefined;
    /** Whether there is an S3, and a storage account, of the user's own. */
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
