import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdReusePolicy,
  type Client,
} from '@temporalio/client';
import type { Kafka } from '../kafka/kafka';
import { topicEnds } from '../kafka/offsets';
import { createRecordReader, OffsetOutOfRangeError } from '../kafka/reader';
import { withSummary } from '../temporal/temporal';
import { UsageError } from '../domain/errors';
import {
  describePosition,
  isSameRecord,
  type KafkaRecord,
  type RecordPosition,
} from '../domain/record/record';
import { startOfUnreadable } from '../domain/workflow/record-start';
import type { AnyStream } from '../domain/stream/stream';
import { summaryOfStart } from '../domain/workflow/summary';

const WHICH_OFFSET = `take the first offset that the stall's cause names in "cloudsync status" or /readyz, as in "offset N to M"`;

/**
 * Reads the record that stands for the unreadable batch at a position, which is the offset that the stall names.
 * Throws a {@link UsageError} if no batch lies there, or if the batch can be read.
 */
export async function unreadableAt(kafka: Kafka, place: RecordPosition): Promise<KafkaRecord> {
  const { topic, partition, offset } = place;
  const end = (await topicEnds(kafka, topic)).find((one) => one.partition === partition)?.stable;
  if (end === undefined) throw new UsageError(`topic ${topic} has no partition ${partition}`);
  if (offset >= end) {
    throw new UsageError(
      `no batch lies at ${describePosition(place)} yet, because the committed records end before ${end}: ${WHICH_OFFSET}`,
    );
  }
  const reader = createRecordReader(kafka);
  try {
    for await (const record of reader.read(topic, partition, offset, offset + 1)) {
      if (record.unreadable !== undefined) return record;
    }
  } catch (error) {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
  } finally {
    await reader.close();
  }
  throw new UsageError(`no unreadable batch lies at ${describePosition(place)}: ${WHICH_OFFSET}`);
}

/** The workflow that dead-letters a batch. `existed`: the batch had been skipped before. */
export interface SkippedBatch {
  workflowId: string;
  existed: boolean;
}

/**
 * Starts the workflow that dead-letters an unreadable batch with its raw bytes. The bridge worker that waits at
 * the batch asks for this workflow. When the workflow exists, the worker continues behind the batch. If an id
 * belongs to another record, as of a topic that was created again, the next id is tried. The bridge worker does
 * the same.
 */
export async function skipBatch(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
  place: RecordPosition,
): Promise<SkippedBatch> {
  const record = await unreadableAt(kafka, place);
  const { workflowType, workflowId, furtherIds, args, memo } = startOfUnreadable(stream, record);
  for (const id of [workflowId, ...furtherIds]) {
    try {
      await client.workflow.start(workflowType, {
        workflowId: id,
        taskQueue: stream.taskQueue,
        args,
        memo: { ...memo },
        ...withSummary(client, summaryOfStart(memo)),
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      });
      return { workflowId: id, existed: false };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const holder = await client.workflow.getHandle(id).describe();
      if (isSameRecord(holder.memo ?? {}, memo)) return { workflowId: id, existed: true };
    }
  }
  throw new Error(
    `the batch at ${describePosition(place)} is not skipped: other records hold all of its workflow ids, ${workflowId} and those that begin with it. Delete the workflows that have ended, and try again`,
  );
}
