import type { Sink, SinkRecord, WriteResult } from '../../../src/domain/stream/sink';
import { kafkaRecord } from '../../domain/support/records';

/** A record of the test stream on its way to a sink. */
export function sinkRecord(given: Partial<SinkRecord> = {}): SinkRecord {
  const messageId = given.messageId ?? '42';
  return {
    ...kafkaRecord(),
    stream: 'test',
    messageId,
    workflowId: `test-${messageId}-7`,
    value: Buffer.from(`{"id":"${messageId}"}`),
    message: {},
    ...given,
  };
}

/** Makes one attempt to write the record. */
export function write(sink: Sink, given: Partial<SinkRecord> = {}): Promise<WriteResult> {
  return sink.write(sinkRecord(given), { signal: new AbortController().signal, attempt: 1 });
}
