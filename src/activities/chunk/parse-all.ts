import { parseRecord, type ParseResult } from '../../domain/workflow/parse';
import type { KafkaRecord } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';

/** How many records are decoded at the same time, if the stream decodes asynchronously. */
const CONCURRENCY = 32;

/**
 * Parses the records of a chunk. The results are in the order of the records. A stream that decodes synchronously
 * costs no promise per record.
 */
export async function parseAll(
  stream: AnyStream,
  records: readonly KafkaRecord[],
): Promise<ParseResult[]> {
  const results = new Array<ParseResult>(records.length);
  let pending: Promise<void>[] = [];
  for (const [index, record] of records.entries()) {
    const parsed = parseRecord(stream, record);
    if (!(parsed instanceof Promise)) {
      results[index] = parsed;
      continue;
    }
    pending.push(parsed.then((result) => void (results[index] = result)));
    if (pending.length < CONCURRENCY) continue;
    await Promise.all(pending);
    pending = [];
  }
  await Promise.all(pending);
  return results;
}
