import { join } from 'node:path';
import { defineStream, fileSystemSink, type Settings } from 'cloudsync';
import { z } from 'zod';
import { withJournal } from '../torture/journal';
import { journalFile } from '../torture/streams';
import { LANES, streamOf, TOPIC_NAMES, topicOf } from './topics';

const message = z.object({ id: z.string().min(1), pad: z.string() });

/** The streams of a soak: one in each lane for each topic. */
export default ({ sinkDirectory }: Settings) =>
  TOPIC_NAMES.flatMap((topic) =>
    LANES.map((lane) => {
      const name = streamOf(topic, lane);
      const journal = journalFile(join(sinkDirectory, '..'), name);
      return defineStream({
        name,
        topic: topicOf(topic),
        schema: message,
        sink: withJournal(fileSystemSink({ directory: join(sinkDirectory, name) }), journal),
        // No fault lasts long enough to use up these attempts, so nothing is dead-lettered.
        retry: {
          fastAttempts: 2,
          maximumAttempts: 100_000,
          initialIntervalMs: 500,
          maximumIntervalMs: 5_000,
          attemptTimeoutMs: 15_000,
        },
        execution: lane === 'chunk' ? { lane, maxRecords: 50, lingerMs: 500 } : { lane },
      });
    }),
  );
