import { join } from 'node:path';
import { defineStream, fileSystemSink, messageSchema, withFaults } from '../../index';
import type { Settings, Sink } from '../../index';

/**
 * A stream of the reference application. It writes files by default, and to its cloud with
 * `CLOUDSYNC_SINK=cloud`.
 */
export function referenceStream(name: string, settings: Settings, cloudSink: () => Sink) {
  const { topic, retry, idempotency, faults, sinkDirectory, chunkObjects, execution } = settings;
  const sink =
    settings.sink === 'cloud'
      ? cloudSink()
      : fileSystemSink({ directory: join(sinkDirectory, name), chunkFiles: chunkObjects });
  const rates = faults.rates[name];
  return defineStream({
    name,
    topic,
    groupId: `${name}-sync-group`,
    schema: messageSchema,
    sink: rates ? withFaults(sink, rates, faults.seed) : sink,
    retry,
    idempotency,
    execution,
  });
}
