import { toKafkaHeaders } from '../../../src/kafka/kafka';
import { deadLetterHeader, deadLetterHeaders } from '../../../src/domain/workflow/dead-letter';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { kafkaRecord } from '../../domain/support/records';
import { messageValue, type World } from './world';

/** Writes dead letters of messages whose workflows are gone, so that a replay sends the records back. */
export async function writeLetters(world: World, stream: AnyStream, ids: string[]): Promise<void> {
  const messages = ids.map((id, offset) => {
    const record = kafkaRecord({ topic: stream.topic, offset, value: messageValue(id) });
    const failure = { type: 'Transient', message: 'away', attempts: 3 };
    const workflow = {
      workflowId: `${stream.topic}-gone-${id}`,
      runId: `${stream.topic}-run-${id}`,
    };
    const headers = deadLetterHeaders(stream.name, record, failure, workflow, new Date());
    const { key, value } = record;
    return { key, value, timestamp: String(Date.now()), headers: toKafkaHeaders(headers) };
  });
  // On a slow machine a producer may repeat a request, and only an idempotent one writes its letters once then.
  const producer = world.kafka().producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  try {
    await producer.send({ topic: stream.deadLetterTopic, acks: -1, messages });
  } finally {
    await producer.disconnect();
  }
}

/** From which letters records were sent back to the stream's topic, as a reader of committed records sees them. */
export async function sentBack(world: World, stream: AnyStream): Promise<string[]> {
  const records = await world.records(stream.topic);
  return records.flatMap((record) => deadLetterHeader(record, 'replay-of') ?? []);
}
