export interface AskedPartition {
  topic: string;
  partition: number;
  fetchOffset: number;
  /** Limit of the partition's part of the answer. One whole batch comes even if it is larger. */
  maxBytes: number;
  /** Absent: the id is not known, and the topic is asked for by its name. */
  topicId?: string | undefined;
  /**
   * The leader epoch under which the record before `fetchOffset` was written. By it the broker detects a log that
   * has lost its end. Absent: not known, and the loss goes unnoticed. Has no effect without `topicId`.
   */
  lastEpoch?: number | undefined;
}

export interface FetchOptions {
  /** How long the broker may wait for `minBytes`, in milliseconds. */
  maxWaitTime: number;
  minBytes: number;
  /** Limit of the whole answer. */
  maxBytes: number;
  rackId?: string;
}
