import {
  OffsetOutOfRangeError,
  toKafkaHeaders,
  type Producer,
  type RecordReader,
} from '../clients/kafka';
import { deadLetterHeaders, originalHeaders } from '../domain/dead-letter';
import {
  decodeContent,
  describePosition,
  type KafkaRecord,
  type RecordEnvelope,
} from '../domain/record';
import type { AnyStream } from '../domain/stream';
import type { RecordFailure } from '../workflows/failure';

export interface DeadLetterWriter {
  /** Resolves when all in-sync replicas of the dead-letter topic have the record. */
  write(
    stream: AnyStream,
    record: RecordEnvelope & { messageId?: string },
    failure: RecordFailure,
    workflow: { workflowId: string; runId: string },
  ): Promise<void>;
}

export function createDeadLetterWriter(
  producer: Producer,
  reader: Pick<RecordReader, 'read'>,
): DeadLetterWriter {
  /** Key, value, headers and timestamp as they were, also of a record too large for a workflow. */
  async function original(envelope: RecordEnvelope): Promise<KafkaRecord> {
    const decoded = decodeContent(envelope);
    if (decoded) return decoded;
    const { topic, partition, offset, timestamp } = envelope;
    try {
      for await (const record of reader.read(topic, partition, offset, offset + 1)) return record;
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
    }
    // Retention was faster. The letter still tells what was lost and where it was.
    const header: [string, Buffer] = ['cloudsync-content-expired', Buffer.from('true')];
    return { topic, partition, offset, timestamp, key: null, value: null, headers: [header] };
  }

  return {
    async write(stream, envelope, failure, workflow) {
      const record = await original(envelope);
      const added = deadLetterHeaders(stream.name, record, failure, workflow, new Date());
      const sent = await producer.send({
        topic: stream.deadLetterTopic,
        acks: -1,
        messages: [
          {
            key: record.key,
            value: record.value,
            timestamp: String(record.timestamp),
            headers: toKafkaHeaders([...originalHeaders(record), ...added]),
          },
        ],
      });
      if (sent.length === 0) {
        throw new Error(
          `${stream.deadLetterTopic} did not take the dead letter of ${describePosition(record)}`,
        );
      }
    },
  };
}
