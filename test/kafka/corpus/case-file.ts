import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A record as Kafka's own consumer hands it out: bytes as base64, numbers of 64 bits as text. */
export interface ExpectedRecord {
  offset: string;
  timestamp: string;
  timestampType: 'NoTimestampType' | 'CreateTime' | 'LogAppendTime';
  key: string | null;
  /** Long values are given as `sha256-<hash>`. */
  value: string | null;
  headers: [name: string, value: string | null][];
  /** Only a consumer with `read_uncommitted` gets it. */
  aborted?: true;
}

/** Many records, as the hash of their lines. */
export interface Digest {
  count: number;
  sha256: string;
}

/** What a broker has answered to a fetch, beside the bytes; and what Kafka's own consumer makes of both. */
export interface CorpusCase {
  about: string;
  /** Kafka's classes without a broker: `built`. */
  writers: string[];
  fetchOffset: string;
  isolation: 'read_committed' | 'read_uncommitted';
  highWatermark: string;
  lastStableOffset: string;
  logStartOffset: string;
  abortedTransactions: { producerId: string; firstOffset: string }[];
  records: ExpectedRecord[] | Digest;
  /** The consumer's position behind them; the first offset of the batch that is refused, if there is one. */
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

/** A record's value as it stands in a case. */
export function shortened(value: Buffer | null): string | null {
  if (value === null || value.length <= LONGEST_VALUE) return value?.toString('base64') ?? null;
  return `sha256-${createHash('sha256').update(value).digest('hex')}`;
}

/** Records as they stand in a case: one by one, or as a digest if they are many. */
export function summarized(records: ExpectedRecord[]): ExpectedRecord[] | Digest {
  if (records.length <= MOST_RECORDS) return records;
  const hash = createHash('sha256');
  for (const record of records) hash.update(`${lineOf(record)}\n`);
  return { count: records.length, sha256: hash.digest('hex') };
}

/** One line of JSON; the order of its fields does not depend on who has made the record. */
export function lineOf(record: ExpectedRecord): string {
  const { offset, timestamp, timestampType, key, value, headers, aborted } = record;
  return JSON.stringify({ offset, timestamp, timestampType, key, value, headers, aborted });
}
