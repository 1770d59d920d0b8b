import type { ChunkAttempt } from './chunk-attempt';
import { ChunkRecords } from './chunk-records';
import type { ChunkDependencies } from './dependencies';
import { FailurePolicy } from './failure-policy';
import { Leaver } from './leaver';
import { MessageLocks } from './message-locks';
import { SinkWriter } from './sink-writer';

/** The parts of one attempt at a chunk. {@link deliverUnordered} and {@link deliverByKey} work with the same parts. */
export interface ChunkDelivery {
  deps: ChunkDependencies;
  attempt: ChunkAttempt;
  records: ChunkRecords;
  locks: MessageLocks;
  sink: SinkWriter;
  leaver: Leaver;
  policy: FailurePolicy;
}

export function createChunkDelivery(deps: ChunkDependencies, attempt: ChunkAttempt): ChunkDelivery {
  const records = new ChunkRecords(deps, attempt);
  const locks = new MessageLocks(deps, attempt);
  return {
    deps,
    attempt,
    records,
    locks,
    sink: new SinkWriter(deps, attempt, records, locks),
    leaver: new Leaver(deps, attempt, records),
    policy: new FailurePolicy(attempt),
  };
}
