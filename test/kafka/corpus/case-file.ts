import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A record as Kafka's own consumer returns it: bytes as base64, 64-bit numbers as text. */
export interface ExpectedRecord {
  offset: string;
  timestamp: string;
  timestampType: 'NoTimestampType' | 'CreateTime' | 'LogAppendTime';
  key: string | null;
  /** A long value is `sha256-<hash>`. */
  value: string | null;
  headers: [name: string, value: string | null][];
  /** The record is of an aborted transaction: only a consumer with `read_uncommitted` gets it. */
  aborted?: true;
}

/** Stands for many records: the hash of their lines. */
export interface Digest {
  count: number;
  sha256: string;
}

/** A broker's answer to a fetch without its bytes, and the records that Kafka's own consumer reads from it. */
export interface CorpusCase {
  about: string;
  /** The clients that wrote it. `built` means Kafka's own classes without a broker. */
  writers: string[];
  fetchOffset: string;
  isolation: 'read_committed' | 'read_uncommitted';
  highWatermark: string;
  lastStableOffset: string;
  logStartOffset: string;
  abortedTransactions: { producerId: string; firstOffset: string }[];
  records: ExpectedRecord[] | Digest;
  /** The consumer's position after the records; the first offset of the refused batch, if there is one. */
  nextOffset: string;
  /** Why Kafka's consumer refuses a batch of these bytes. */
  refused?: string;
}

const CASES = join(__dirname, 'cases');
const LONGEST_VALUE = 200;
const MOST_RECORDS = 600;

export function caseNames(): string[] {
  return readdirSync(CASES)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.replace('.json', ''))
    .sort();
}

export function readCase(name: string): CorpusCase & { bytes: Buffer } {
  const json = readFileSync(join(CASES, `${name}.json`), 'utf8');
  return { ...(JSON.parse(json) as CorpusCase), bytes: readFileSync(join(CASES, `${name}.bin`)) };
}

/** Converts a record's value to its form in a case. */
export function shortened(value: Buffer | null): string | null {
  if (value === null || value.length <= LONGEST_VALUE) return value?.toString('base64') ?? null;
  return `sha256-${createHash('sha256').update(value).digest('hex')}`;
}

/** Converts records to their form in a case: one by one, or a digest if there are many. */
export function summarized(records: ExpectedRecord[]): ExpectedRecord[] | Digest {
  if (records.length <= MOST_RECORDS) return records;
  const hash = createHash('sha256');
  for (const record of records) hash.update(`${lineOf(record)}\n`);
  return { count: records.length, sha256: hash.digest('hex') };
}

/** The record as one line of JSON. The order of the fields does not depend on the order in `record`. */
export function lineOf(record: ExpectedRecord): string {
  const { offset, timestamp, timestampType, key, value, headers, aborted } = record;
  return JSON.stringify({ offset, timestamp, timestampType, key, value, headers, aborted });
}
