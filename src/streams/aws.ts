import { defineStream, fileSystemSink, messageSchema, withFaults } from '../index';
import type { Settings } from '../index';
import { join } from 'node:path';

/** Messages to AWS. */
export function awsStream(settings: Settings) {
  const { topic, retry, idempotency, faults, sinkDirectory, execution } = settings;
  const sink = fileSystemSink({
    directory: join(sinkDirectory, 'aws'),
    chunkFiles: settings.chunkObjects,
  });
  return defineStream({
    name: 'aws',
    topic,
    groupId: 'aws-sync-group',
    schema: messageSchema,
    sink: faults.rates.aws ? withFaults(sink, faults.rates.aws, faults.seed) : sink,
    retry,
    idempotency,
    execution,
  });
}
