import type { Client } from '@temporalio/client';
import { createKafka, topicConfig, withAdmin, type KafkaSettings } from '../../kafka/kafka';
import { errorMessage } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';

const FOREVER = -1;

/**
 * Warns if the topic keeps records longer than Temporal keeps closed workflows. After a rewind beyond the namespace's
 * retention, records that were delivered would get workflows again. Only the sink could then detect the duplicates.
 */
export async function checkRetention(
  stream: AnyStream,
  kafka: KafkaSettings,
  { client, namespace }: { client: Client; namespace: string },
  logger: Logger,
): Promise<void> {
  const fields = { stream: stream.name, topic: stream.topic, namespace };
  try {
    const { config } = await client.workflowService.describeNamespace({ namespace });
    const namespaceMs = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) * 1000;
    const value = await withAdmin(createKafka(kafka, logger), (admin) =>
      topicConfig(admin, stream.topic, 'retention.ms'),
    );
    const topicMs = Number(value);
    if (topicMs !== FOREVER && topicMs <= namespaceMs) return;
    logger.warn(
      { ...fields, topicRetentionMs: topicMs, namespaceRetentionMs: namespaceMs },
      'The topic keeps records longer than the namespace keeps workflows: after a longer rewind only the sink sees duplicates',
    );
  } catch (error) {
    // The right to read one of the two retentions may be missing. Delivery does not depend on them.
    logger.warn({ ...fields, error: errorMessage(error) }, 'Could not compare retentions');
  }
}
