import type { Logger } from '../telemetry/logger';
import { Releasers } from '../lib/lifecycle';
import { createKafka, type KafkaSettings } from '../kafka/kafka';
import { createRecordReader, type RecordReader } from '../kafka/reader';
import { createProducer, type RetryingProducer } from '../kafka/producer/producer';
import { installTemporalRuntime } from '../temporal/runtime';
import { connectTemporal, type TemporalClient, type TemporalSettings } from '../temporal/temporal';

/** Which servers a process connects to. */
export interface ConnectionSettings {
  /** How to reach Kafka; `loadSettings` reads it from `KAFKA_*`. */
  kafka: KafkaSettings;
  /** How to reach Temporal; `loadSettings` reads it from `TEMPORAL_*`. */
  temporal: TemporalSettings;
}

/** The connections of a worker process: one to Temporal, one producer and one reader of Kafka. */
export interface Connections {
  temporal: TemporalClient;
  namespace: string;
  producer: RetryingProducer;
  reader: RecordReader;
  close(): Promise<void>;
}

export async function connect(settings: ConnectionSettings, logger: Logger): Promise<Connections> {
  const releasers = new Releasers();
  try {
    installTemporalRuntime(logger);
    const temporal = await connectTemporal(settings.temporal);
    releasers.push(() => temporal.close());
    const kafka = createKafka(settings.kafka, logger);
    const producer = createProducer(kafka);
    await producer.connect();
    releasers.push(() => producer.disconnect());
    const reader = createRecordReader(kafka);
    releasers.push(() => reader.close());
    const { namespace } = settings.temporal;
    return { temporal, namespace, producer, reader, close: () => releasers.release() };
  } catch (error) {
    await releasers.release();
    throw error;
  }
}
