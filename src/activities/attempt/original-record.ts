import { OffsetOutOfRangeError, type RecordReader } from '../../kafka/reader';
import { decodeContent, type KafkaRecord, type RecordEnvelope } from '../../domain/record/record';

/**
 * Key, value, headers and timestamp as they were, also of a record too large for a workflow; undefined where
 * retention has taken that.
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
      // Of a topic that was made anew it is another record.
      return record.timestamp === timestamp ? record : undefined;
    }
  } catch (error) {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
  }
  return undefined;
}
