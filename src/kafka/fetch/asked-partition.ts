export interface AskedPartition {
  topic: string;
  partition: number;
  fetchOffset: number;
  /** Bytes of the answer. One whole batch comes also if it is larger. */
  maxBytes: number;
  /** Absent: not known, and the topic is asked for by its name. */
  topicId?: string | undefined;
  /**
   * The leader epoch under which the record before `fetchOffset` was written. Absent: not known, and nobody
   * tells a log that has lost its end. Of no use without `topicId`.
   */
  lastEpoch?: number | undefined;
}

export interface FetchOptions {
  /** Milliseconds that the broker may wait for `minBytes`. */
  maxWaitTime: number;
  minBytes: number;
  /** Bytes of the whole answer. */
  maxBytes: number;
  rackId?: string;
}
