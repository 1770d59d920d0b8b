import type { Client } from '@temporalio/client';
import { createKafka, topicConfig, withAdmin, type KafkaSettings } from '../../kafka/kafka';
import { errorMessage } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';

const FOREVER = -1;

/**
 * Warns when the topic keeps records longer than Temporal keeps closed workflows: a rewind behind the
 * namespace's retention would then start workflows again that have completed, and only the sink would
 * stand between a record and its second delivery.
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
    // Rights to read either may be missing; delivery does not depend on the answer.
    logger.warn({ ...fields, error: errorMessage(error) }, 'Could not compare retentions');
  }
}
