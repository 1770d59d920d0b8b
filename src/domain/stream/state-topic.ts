import type { AnyStream } from './stream';

/**
 * The topic that says what became of a stream's dead letters: what replays did with them, and what people decided. It is
 * compacted, so it keeps the last record of each key for ever. Each stream has its own, because streams may share a
 * dead-letter topic.
 */
export function stateTopic({ name }: Pick<AnyStream, 'name'>): string {
  return `${name}-dlq-state`;
}
