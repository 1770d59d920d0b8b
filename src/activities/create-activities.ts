import { activityInfo, getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { Holds } from '../clients/temporal-hold';
import type { DeadLetterWriter } from './dead-letter-writer';
import { deliver, type DeliveryEvents } from './deliver';
import { deliverChunk, type ChunkDependencies } from './deliver-chunk';
import { holdKey } from './held-key';
import type { RecordActivities } from './record-activities';
import type { Tracing } from '../tracing';
import { startOfRecord } from '../domain/record-start';
import type { AnyStream } from '../domain/stream';
import { parseRecord } from '../domain/parse';
import { decodeContent, isSameRecord } from '../domain/record';

export interface ActivityDependencies {
  stream: AnyStream;
  deadLetters: DeadLetterWriter;
  events: DeliveryEvents;
  chunks: Omit<ChunkDependencies, 'stream' | 'tracing' | 'holds'>;
  /** Absent where what follows a dead record of a key is not held. */
  holds?: Holds | undefined;
  /** Absent: no spans. */
  tracing?: Tracing | undefined;
}

/** The activities of one stream's worker. */
export function createActivities({
  stream,
  deadLetters,
  events,
  chunks,
  holds,
  tracing,
}: ActivityDependencies): RecordActivities {
  return {
    deliver: (record, earlierAttempts) =>
      deliver(stream, events, record, earlierAttempts, tracing, holds),

    deliverChunk: (chunk, retry) =>
      deliverChunk({ stream, tracing, holds, ...chunks }, chunk, retry),

    async deadLetter(record, failure) {
      const { workflowExecution } = activityInfo();
      // Before the workflow can end.
      if (holds) await holdKey(holds, chunks.reader, record);
      await deadLetters.write(stream, record, failure, workflowExecution!);
    },

    // eslint-disable-next-line @typescript-eslint/require-await -- activities are asynchronous
    async parse({ reason, ...envelope }) {
      const record = decodeContent(envelope);
      if (!record || reason.type === 'UnreadableBatch') return { ok: false, reason };
      const parsed = parseRecord(stream, record);
      return parsed.ok
        ? { ok: true, start: startOfRecord(stream, record, parsed.messageId) }
        : parsed;
    },

    async holder(workflowId, memo) {
      try {
        const { memo: found = {} } = await getClient().workflow.getHandle(workflowId).describe();
        return isSameRecord(found, memo) ? 'this record' : 'another record';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'gone';
        throw error;
      }
    },
  };
}
