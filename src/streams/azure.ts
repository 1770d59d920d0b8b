import { defineStream, fileSystemSink, messageSchema, withFaults } from '../index';
import type { Settings } from '../index';
import { join } from 'node:path';

/** Messages to Azure. */
export function azureStream(settings: Settings) {
  const { topic, retry, idempotency, faults, sinkDirectory, execution } = settings;
  const sink = fileSystemSink({
    directory: join(sinkDirectory, 'azure'),
    chunkFiles: settings.chunkObjects,
  });
  return defineStream({
    name: 'azure',
    topic,
    groupId: 'azure-sync-group',
    schema: messageSchema,
    sink: faults.rates.azure ? withFaults(sink, faults.rates.azure, faults.seed) : sink,
    retry,
    idempotency,
    execution,
  });
}
