import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineStream, DeliveryError, messageSchema } from 'cloudsync';

const attempts = new Map<string, number>();

/** A stream whose sink appends a line for each delivery: milliseconds, a space, the message id. */
export function orderedStream(env: NodeJS.ProcessEnv) {
  const topic = env.CLOUDSYNC_TOPIC!;
  const directory = env.CLOUDSYNC_SINK_DIR!;
  return defineStream({
    name: 'ordered',
    topic,
    groupId: `${topic}-group`,
    deadLetterTopic: `${topic}-dlq`,
    schema: messageSchema,
    ordering: 'key',
    afterDeadLetter: env.TEST_AFTER_DEAD_LETTER === 'hold' ? 'hold' : 'continue',
    execution:
      env.CLOUDSYNC_LANE === 'chunk'
        ? { lane: 'chunk', maxRecords: 20, lingerMs: 5 }
        : { lane: 'record' },
    retry: {
      fastAttempts: 2,
      maximumAttempts: 500,
      initialIntervalMs: 100,
      maximumIntervalMs: 500,
    },
    sink({ messageId, message: { type } }) {
      const attempt = (attempts.get(messageId) ?? 0) + 1;
      attempts.set(messageId, attempt);
      const dead = type === 'dead' && !existsSync(join(directory, 'mended'));
      if (dead) throw new DeliveryError('Permanent', 'as the message says');
      const stuck = type === 'stuck' && !existsSync(join(directory, 'released'));
      if (stuck || (type === 'slow' && attempt <= 3)) {
        throw new DeliveryError('Transient', 'as the message says');
      }
      appendFileSync(join(directory, 'deliveries'), `${Date.now()} ${messageId}\n`);
      return Promise.resolve();
    },
  });
}

export default () => orderedStream(process.env);
