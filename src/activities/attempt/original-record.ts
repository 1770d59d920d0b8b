import { OffsetOutOfRangeError, type RecordReader } from '../../kafka/reader';
import { decodeContent, type KafkaRecord, type RecordEnvelope } from '../../domain/record/record';

/**
 * The record with its original key, value, headers and timestamp. The content of a record too large for a workflow
 * is read from Kafka; undefined if retention has deleted it.
 */
export async function originalRecord(
  reader: Pick<RecordReader, 'read'>,
  envelope: RecordEnvelope,
): Promise<KafkaRecord | undefined> {
  const decoded = decodeContent(envelope);
  if (decoded) return decoded;
  const { topic, partition, offset, timestamp } = envelope;
  try {
    for await (const record of reader.read(topic, partition, offset, offset + 1)) {
      // If the topic was created again, another record has this offset.
      return record.timestamp === timestamp ? record : undefined;
    }
  } catch (error) {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
  }
  return undefined;
}
