import { activityInfo, ApplicationFailure, getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { Holds } from '../temporal/hold';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeadLetterWriter } from './dead-letters/dead-letter-writer';
import { deliver, type DeliveredRecord, type DeliveryEvents } from './record/deliver';
import { deliverChunk } from './chunk/deliver-chunk';
import type { ChunkDependencies } from './chunk/dependencies';
import { workflowEnd } from './chunk/workflow-end';
import { withHeartbeats } from './attempt/heartbeat';
import { NO_GUARD } from './guard/delivery-guard';
import { HoldGuard } from './guard/hold-guard';
import type { RecordActivities } from '../domain/workflow/record-activities';
import { withTimeLimit } from './attempt/time-limit';
import type { Tracing } from '../telemetry/tracing';
import type { RecordFailure } from '../domain/workflow/failure';
import { startOfRecord } from '../domain/workflow/record-start';
import type { AnyStream } from '../domain/stream/stream';
import { parseRecord } from '../domain/workflow/parse';
import { labelsOf } from '../domain/workflow/record-labels';
import { decodeContent, isSameRecord, type RecordLabels } from '../domain/record/record';

/** Attempts of the workflow `invalidRecord` at `parse`. The last one answers with the old reason if it can't parse. */
const PARSE_ATTEMPTS = 3;
/** An attempt ends this long before the activity's limit, so that the failure says that Kafka did not answer. */
const DEAD_LETTER_MARGIN_MS = 1_000;
/** Time of one attempt. All attempts together have 7 s. */
const PARSE_LIMIT_MS = 2_000;

/** What happens to records, for logs and metrics. */
export interface RecordEvents extends DeliveryEvents {
  /** The record's dead letter is on its topic. */
  deadLettered(record: DeadLetteredRecord, failure: RecordFailure): void;
}

export interface DeadLetteredRecord extends Omit<DeliveredRecord, 'messageId'>, RecordLabels {
  messageId: string | null;
  workflowId: string;
}

export interface ActivityDependencies {
  stream: AnyStream;
  deadLetters: DeadLetterWriter;
  events: RecordEvents;
  chunks: Omit<ChunkDependencies, 'stream' | 'tracing' | 'guard' | 'workflowEnd'>;
  /** Absent if the stream continues with a key after a dead record. */
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
  const guard = holds ? new HoldGuard(holds, chunks.reader) : NO_GUARD;
  return {
    deliver: (record, earlierAttempts) =>
      deliver({ stream, events, guard, tracing }, record, earlierAttempts),

    deliverChunk: (chunk, retry) =>
      deliverChunk({ stream, tracing, guard, workflowEnd, ...chunks }, chunk, retry),

    async deadLetter(record, failure) {
      const { workflowExecution, startToCloseTimeoutMs } = activityInfo();
      await guard.beforeDeadLetter(record);
      await withHeartbeats(() =>
        withTimeLimit(
          Math.max(startToCloseTimeoutMs - DEAD_LETTER_MARGIN_MS, 1),
          (signal) => deadLetters.write(stream, record, failure, workflowExecution!, signal),
          () => new Error(`${stream.deadLetterTopic} did not take the dead letter in time`),
        ),
      );
      const { topic, partition, offset, messageId = null } = record;
      const content = decodeContent(record);
      const labels = messageId === null && content ? labelsOf(stream, content) : {};
      const { workflowId } = workflowExecution!;
      const place = { stream: stream.name, messageId, ...labels, topic, partition, offset };
      events.deadLettered({ ...place, workflowId }, failure);
    },

    async parse({ reason, ...envelope }) {
      const record = decodeContent(envelope);
      if (!record || reason.type === 'UnreadableBatch') return { ok: false, reason };
      const late = {
        ok: false,
        failing: { type: 'Transient', message: 'it takes too long' },
      } as const;
      const parsed = await Promise.race([
        parseRecord(stream, record),
        sleep(PARSE_LIMIT_MS, late, { ref: false }),
      ]);
      if ('failing' in parsed) {
        const { type, message } = parsed.failing;
        if (activityInfo().attempt < PARSE_ATTEMPTS)
          throw ApplicationFailure.create({ type, message });
        // The reason found when the record arrived still applies, and the dead letter must not be lost.
        return { ok: false, reason };
      }
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
