import {
  WorkflowFailedError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';
import { errorMessage } from '../../domain/errors';
import type { RecordFailure } from '../../domain/workflow/failure';
import { hasFailed, statusName } from './failed-runs';

/**
 * A record that failed or was dead-lettered. A field is `null` if it is not known: a terminated workflow, for
 * example, has no attempts.
 */
export interface FailedEntry {
  stream: string;
  messageId: string | null;
  /** The record's Kafka key as text, or as `0x` and hexadecimal digits. */
  key: string | null;
  /** The id in the JSON of a record that is not a valid message. */
  rawId: string | null;
  topic: string | null;
  partition: number | null;
  offset: number | null;
  workflowId: string | null;
  runId: string | null;
  errorType: string | null;
  errorMessage: string | null;
  attempts: number | null;
  /** ISO 8601. */
  failedAt: string | null;
}

/** The entry of a workflow's latest run; its error fields are null unless that run has failed. */
export async function failedEntry(
  client: Client,
  stream: string,
  run: WorkflowExecutionDescription,
): Promise<FailedEntry & { workflowId: string; runId: string }> {
  const memo = run.memo ?? {};
  const failure = hasFailed(run) ? await failureOf(client, run) : undefined;
  return {
    stream,
    messageId: text(memo.messageId),
    key: text(memo.key),
    rawId: text(memo.rawId),
    topic: text(memo.topic),
    partition: integer(memo.partition),
    // The memo of a chunk has the offset of its first record.
    offset: integer(memo.offset ?? memo.first),
    workflowId: run.workflowId,
    runId: run.runId,
    errorType: failure?.type ?? null,
    errorMessage: failure?.message ?? null,
    attempts: failure?.attempts ?? null,
    failedAt: (failure && run.closeTime?.toISOString()) ?? null,
  };
}

interface Failure {
  type: string;
  message: string;
  attempts: number | null;
}

/** Reads from a run's last event why the run failed. */
async function failureOf(client: Client, run: WorkflowExecutionDescription): Promise<Failure> {
  const { workflowId, runId, status } = run;
  try {
    await client.workflow.getHandle(workflowId, runId, { followRuns: false }).result();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return status.name === 'FAILED'
      ? describeFailure(error.cause)
      : { type: statusName(status.name), message: errorMessage(error.cause), attempts: null };
  }
  throw new Error(`workflow ${workflowId} is listed as ${status.name} but has a result`);
}

export function describeFailure(failure: unknown): Failure {
  if (failure instanceof ApplicationFailure) {
    const details = failure.details?.[0];
    if (failure.type === 'DeadLettered' && isRecordFailure(details)) {
      const { type, message, attempts } = details;
      return { type, message, attempts };
    }
    const type = failure.type ?? 'ApplicationFailure';
    return { type, message: failure.message, attempts: null };
  }
  // These failures only say which step of the workflow failed; the cause says why.
  if (failure instanceof ActivityFailure || failure instanceof ChildWorkflowFailure) {
    if (failure.cause) return describeFailure(failure.cause);
  }
  const type = failure instanceof Error ? failure.name.replace(/Failure$/, '') : 'Unknown';
  return { type, message: errorMessage(failure), attempts: null };
}

function isRecordFailure(details: unknown): details is RecordFailure {
  const { type, message, attempts } = (details ?? {}) as Record<string, unknown>;
  return typeof type === 'string' && typeof message === 'string' && typeof attempts === 'number';
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function integer(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}
