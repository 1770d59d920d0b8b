import { createRecordReader } from '../../../src/kafka/reader';
import { createProducer } from '../../../src/kafka/producer/producer';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { topicRanges } from '../../../src/operations/topic/read-topic';
import { AuditProgress, type ReplayFilters } from '../../../src/operations/replay/replay-audit';
import { planReplay } from '../../../src/operations/replay/replay-plan';
import { runReplay } from '../../../src/operations/replay/replay-run';
import type { World } from './world';

/** Replays as `dlq replay` does. Returns for each letter the message id, the outcome and the end. */
export async function replay(
  world: World,
  stream: AnyStream,
  filters: ReplayFilters = {},
): Promise<string[]> {
  const { client } = await world.temporal();
  const kafka = world.kafka();
  const ranges = (await topicRanges(kafka, stream.deadLetterTopic))!;
  const [own, earlier] = [new AuditProgress(), new AuditProgress()];
  const request = { filters, maxReplays: 3, ranges, own, earlier };
  const plan = await planReplay(kafka, client, stream, request);
  const producer = createProducer(kafka, { tries: 1 });
  await producer.connect();
  const reader = createRecordReader(kafka);
  try {
    const log = { write: () => Promise.resolve() };
    const { signal } = new AbortController();
    const context = { kafka, client, stream, producer, reader, log, wait: true, signal };
    const results = await runReplay(context, plan);
    return results
      .filter(({ outcome }) => outcome !== 'superseded' && outcome !== 'refused')
      .map(({ letter, outcome, end }) => `${letter.messageId} ${outcome} ${end}`);
  } finally {
    await Promise.all([producer.disconnect(), reader.close()]);
  }
}
