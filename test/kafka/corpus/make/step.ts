export const WRITERS = ['java', 'librdkafka', 'kafka-python', 'franz-go', 'sarama'] as const;
export type WriterName = (typeof WRITERS)[number];

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

/** A record to write: bytes as base64, 64-bit numbers as text. */
export interface Draft {
  key?: string | null;
  value?: string | null;
  headers?: [name: string, value: string | null][];
  /** In milliseconds. Default: the time of sending. */
  timestamp?: string;
  /** The number of records like this one. Default 1. */
  times?: number;
}

/** An order to a writer: one line of JSON on its stdin. The writer answers with one line on its stdout. */
export type Step =
  | {
      do: 'open';
      producer: string;
      codec: Codec;
      level?: number;
      kind: 'plain' | 'idempotent' | 'transactional';
      transactionalId?: string;
      /** The time after which the broker aborts an open transaction. */
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
