import { deadLetterHeaders } from '../../../src/domain/workflow/dead-letter';
import { parseNow } from '../../../src/domain/workflow/parse';
import type { KafkaRecord } from '../../../src/domain/record/record';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { letterWith, sourceOf, type Letter } from '../../../src/operations/replay/replay-letters';
import { kafkaRecord, testStream } from '../../domain/support/records';

export interface LetterOptions {
  /** Overrides fields of the record. */
  record?: Partial<KafkaRecord>;
  /** The offset of the letter. */
  at?: number;
  workflowId?: string;
  runId?: string;
  errorType?: string;
  failedAt?: string;
  stream?: AnyStream;
}

/** A dead letter as the writer sends it to topic `dead`, partition 0. */
export function letterRecord(options: LetterOptions = {}): KafkaRecord {
  const record = kafkaRecord(options.record);
  const headers = deadLetterHeaders(
    'test',
    record,
    { type: options.errorType ?? 'Permanent', message: 'no', attempts: 1 },
    {
      workflowId: options.workflowId ?? `test-42-${record.offset}`,
      runId: options.runId ?? `run-${options.at ?? 0}`,
    },
    new Date(options.failedAt ?? '2026-01-02T00:00:00Z'),
  );
  const place = { topic: 'dead', partition: 0, offset: options.at ?? 0 };
  return { ...record, ...place, headers: [...record.headers, ...headers] };
}

export function letter(options: LetterOptions = {}): Letter {
  const { stream = testStream() } = options;
  return letterIn(letterRecord(options), stream);
}

export function letterIn(record: KafkaRecord, stream: AnyStream = testStream()): Letter {
  return letterWith(stream, record, parseNow(stream, sourceOf(record)));
}
