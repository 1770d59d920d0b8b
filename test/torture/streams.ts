import { join } from 'node:path';
import {
  defineStream,
  fileSystemSink,
  messageSchema,
  type Ordering,
  type Settings,
  type Sink,
} from 'cloudsync';
import { azureBlobSink } from 'cloudsync/azure-blob';
import { s3Sink } from 'cloudsync/s3';
import { appendOnlySink, withJournal } from './journal';

/** Options of the stream module that are no settings. See `streamEnvironment`. */
interface Own {
  lanes: ('record' | 'chunk')[];
  sink: 'file' | 's3' | 'blob';
  ordering: Ordering;
  appendOnly: boolean;
}

/** The variable that contains the options. */
export const OWN_VARIABLE = 'TORTURE_STREAMS';

export function streamEnvironment(own: Own): Record<string, string> {
  return { [OWN_VARIABLE]: JSON.stringify(own) };
}

export const streamName = (lane: string) => `torture-${lane}`;

/** The path of the journal of a stream's writes, in the run's directory. */
export const journalFile = (directory: string, name: string) =>
  join(directory, `journal-${name}.ndjson`);

/** The streams of a torture run: one for each lane, on one topic. */
export default (settings: Settings) => {
  const own = JSON.parse(process.env[OWN_VARIABLE] ?? '{}') as Own;
  return own.lanes.map((lane) => {
    const name = streamName(lane);
    const journal = journalFile(join(settings.sinkDirectory, '..'), name);
    return defineStream({
      name,
      topic: settings.topic,
      schema: messageSchema,
      sink: withJournal(sinkOf(own, name, settings), journal),
      // No fault lasts long enough to use up these attempts, so only permanent failures are dead-lettered.
      retry: {
        fastAttempts: 2,
        maximumAttempts: 100_000,
        initialIntervalMs: 500,
        maximumIntervalMs: 5_000,
        attemptTimeoutMs: 15_000,
      },
      execution: lane === 'chunk' ? { lane, maxRecords: 50, lingerMs: 500 } : { lane: 'record' },
      // In a torture run one id occurs on several partitions.
      workflowId: '{stream}-{messageId}-{partition}-{offset}',
      ordering: own.ordering,
    });
  });
};

function sinkOf({ sink, appendOnly }: Own, name: string, settings: Settings): Sink {
  const { s3, azure } = settings;
  const directory = join(settings.sinkDirectory, name);
  if (appendOnly) return appendOnlySink(join(directory, 'appended.ndjson'));
  const requestTimeoutMs = 5_000;
  switch (sink) {
    case 'file':
      return fileSystemSink({ directory });
    case 's3': {
      const { bucket, client, ...options } = s3;
      return s3Sink({
        ...options,
        bucket: bucket!,
        clientConfig: client,
        prefix: name,
        requestTimeoutMs,
      });
    }
    case 'blob':
      return azureBlobSink({
        ...azure,
        container: azure.container!,
        prefix: name,
        requestTimeoutMs,
      });
  }
}
