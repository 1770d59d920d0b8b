import { join } from 'node:path';
import { env } from 'node:process';
import {
  defineStream,
  fileSystemSink,
  messageSchema,
  type Ordering,
  type Settings,
} from 'cloudsync';

/** The stream of the benchmarks. It is named after its topic, so that each round has a task queue of its own. */
export default ({ topic, sinkDirectory, execution, chunkObjects }: Settings) =>
  defineStream({
    name: topic,
    topic,
    schema: messageSchema,
    sink: fileSystemSink({ directory: join(sinkDirectory, 'files'), chunkFiles: chunkObjects }),
    execution,
    ordering: (env.BENCH_ORDERING ?? 'none') as Ordering,
  });
