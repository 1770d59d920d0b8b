export const WRITERS = ['java', 'librdkafka', 'kafka-python', 'franz-go', 'sarama'] as const;
export type WriterName = (typeof WRITERS)[number];

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

/** A record to write: bytes as base64, numbers of 64 bits as text. */
export interface Draft {
  key?: string | null;
  value?: string | null;
  headers?: [name: string, value: string | null][];
  /** In milliseconds; absent: the time of sending. */
  timestamp?: string;
  /** How many records like this are written; default 1. */
  times?: number;
}

/** What a writer is told: one line of JSON on its stdin, answered by one on its stdout. */
export type Step =
  | {
      do: 'open';
      producer: string;
      codec: Codec;
      level?: number;
      kind: 'plain' | 'idempotent' | 'transactional';
      transactionalId?: string;
      /** What is left open is aborted then. */
      transactionTimeoutMs?: number;
    }
  /** All records of a step become one batch, of partition 0 if none is named. */
  | { do: 'send'; producer: string; topic: string; partition?: number; records: Draft[] }
  | { do: 'begin' | 'commit' | 'abort' | 'close'; producer: string };

export function base64(text: string | Buffer): string {
  return Buffer.from(text).toString('base64');
}

export function draft(key: string | null, value: string | null, more: Partial<Draft> = {}): Draft {
  return { key: key && base64(key), value: value && base64(value), ...more };
}
