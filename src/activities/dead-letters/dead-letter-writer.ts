import { GZIP, kafkaErrorType, toKafkaHeaders } from '../../kafka/kafka';
import type { RetryingProducer } from '../../kafka/producer/producer';
import type { RecordReader } from '../../kafka/reader';
import {
  CONTENT_EXPIRED,
  CONTENT_OMITTED,
  deadLetterHeaders,
  originalHeaders,
} from '../../domain/workflow/dead-letter';
import {
  describePosition,
  type KafkaRecord,
  type RecordEnvelope,
  type RecordPosition,
} from '../../domain/record/record';
import { labelsOf } from '../../domain/workflow/record-labels';
import type { AnyStream } from '../../domain/stream/stream';
import { traceContextOf } from '../../domain/record/trace-context';
import { within, type Tracing } from '../../telemetry/tracing';
import type { RecordFailure } from '../../domain/workflow/failure';
import { originalRecord } from '../attempt/original-record';

export interface DeadLetterWriter {
  /**
   * Resolves when all in-sync replicas of the dead-letter topic have the dead letter. Begins no further try once the
   * signal has aborted.
   */
  write(
    stream: AnyStream,
    record: RecordEnvelope & { messageId?: string },
    failure: RecordFailure,
    workflow: { workflowId: string; runId: string },
    signal: AbortSignal,
  ): Promise<void>;
}

export function createDeadLetterWriter(
  producer: Pick<RetryingProducer, 'send'>,
  reader: Pick<RecordReader, 'read'>,
  tracing?: Tracing,
): DeadLetterWriter {
  /** Resolves with false if the broker finds the dead letter too large. */
  async function send(
    topic: string,
    record: KafkaRecord,
    headers: KafkaRecord['headers'],
    signal: AbortSignal,
    compression?: typeof GZIP,
  ): Promise<boolean> {
    const { key, value, timestamp, exactTimestamp = String(timestamp) } = record;
    const messages = [{ key, value, timestamp: exactTimestamp, headers: toKafkaHeaders(headers) }];
    try {
      const options = { topic, acks: -1, messages };
      const sent = await producer.send(
        { ...options, ...(compression !== undefined && { compression }) },
        signal,
      );
      if (sent.length > 0) return true;
    } catch (error) {
      if (kafkaErrorType(error) === 'MESSAGE_TOO_LARGE') return false;
      throw error;
    }
    throw new Error(`${topic} did not take the dead letter of ${describePosition(record)}`);
  }

  return {
    async write(stream, envelope, failure, workflow, signal) {
      // Without content if retention has deleted the record.
      const record =
        (await originalRecord(reader, envelope)) ?? withoutContent(envelope, CONTENT_EXPIRED);
      const { messageId } = envelope;
      // A dead letter without content still says which record it was.
      const labels = labelsOf(stream, record);
      const added = deadLetterHeaders(stream.name, record, failure, workflow, new Date(), labels);
      const topic = stream.deadLetterTopic;
      // The record's own `traceparent` stays: the span below is no part of the original record.
      const headers = [...originalHeaders(record), ...added];
      const span = tracing?.send(topic, traceContextOf(record), { messageId });
      await within(span, async () => {
        if (await send(topic, record, headers, signal)) return;
        // The record may have arrived compressed, and the broker's limit counts the bytes that it receives.
        if (await send(topic, record, headers, signal, GZIP)) return;
        const bare = withoutContent(record, CONTENT_OMITTED);
        if (await send(topic, bare, [...bare.headers, ...added], signal)) return;
        throw new Error(`${topic} takes no dead letter, not even one without content`);
      });
    },
  };
}

/** A record of position and time alone: it still says what was lost, and where it was. */
function withoutContent(
  { topic, partition, offset, timestamp }: RecordPosition & { timestamp: number },
  header: string,
): KafkaRecord {
  const headers: KafkaRecord['headers'] = [[header, Buffer.from('true')]];
  return { topic, partition, offset, timestamp, key: null, value: null, headers };
}
