import type { IncomingHttpHeaders } from 'node:http';
import {
  QueueFullError,
  type Acknowledgement,
  type OutgoingRecord,
} from '../kafka/producer/batching-producer';
import type { TraceContext } from '../domain/record/trace-context';
import type { Metrics } from '../telemetry/metrics';
import { within, type Tracing } from '../telemetry/tracing';
import type { createCheck } from './check';
import { draftsOf } from './drafts';
import { ProblemError, type Rejection } from '../http/problem';
import { traceOfRequest } from './trace';

/** The outcome of a request: how many messages were accepted, and which were rejected. */
export interface IngestResult {
  accepted: number;
  rejected: Rejection[];
}

export interface IngestDependencies {
  check: ReturnType<typeof createCheck>;
  producer: {
    readonly full: boolean;
    send(records: OutgoingRecord[]): Promise<Acknowledgement>;
  };
  limits: { maxBodyBytes: number; maxRecords: number; queueBytes: number };
  metrics: Metrics;
  /** The topic of the messages; names the span of a request. */
  topic: string;
  tracing?: Tracing | undefined;
}

/** Seconds to wait if the queue is full: batches end within a few seconds. */
const RETRY_FULL = { 'retry-after': '1' };
/** Seconds to wait if the broker did not answer for as long as a request waits. */
const RETRY_OUTAGE = { 'retry-after': '5' };

export function queueFull(): ProblemError {
  return new ProblemError(503, 'too many messages wait for the broker', RETRY_FULL);
}

/**
 * Accepts the messages of a request and waits until the broker has them. Throws a {@link ProblemError} if the
 * broker has none of them.
 */
export function ingest(
  dependencies: IngestDependencies,
  body: Buffer,
  headers: IncomingHttpHeaders,
): Promise<IngestResult> {
  const { topic, tracing } = dependencies;
  const incoming = traceOfRequest(headers);
  const span = tracing?.send(topic, incoming);
  return within(
    span,
    () => take(dependencies, body, headers, span?.trace ?? incoming),
    ({ accepted }) => ({ 'messaging.batch.message_count': accepted }),
  );
}

async function take(
  { check, producer, limits, metrics }: IngestDependencies,
  body: Buffer,
  headers: IncomingHttpHeaders,
  trace: TraceContext | undefined,
): Promise<IngestResult> {
  const records: OutgoingRecord[] = [];
  const places: number[] = [];
  const rejected: Rejection[] = [];
  for (const [index, draft] of draftsOf(body, headers, limits).entries()) {
    const checked = check(draft, trace);
    const verdict = checked instanceof Promise ? await checked : checked;
    if ('code' in verdict) rejected.push({ index, ...verdict });
    else places.push(records.push(verdict.record) && index);
  }
  if (records.length === 0) {
    metrics.ingestRecords.inc({ outcome: 'rejected' }, rejected.length);
    throw new ProblemError(400, 'no message of the request is valid', {}, rejected);
  }
  const { missing, reason } = await acknowledged(producer, records, metrics);
  const accepted = records.length - missing.length;
  metrics.ingestRecords.inc({ outcome: 'accepted' }, accepted);
  metrics.ingestRecords.inc({ outcome: 'failed' }, missing.length);
  metrics.ingestRecords.inc({ outcome: 'rejected' }, rejected.length);
  if (accepted === 0) {
    const detail = `the broker has acknowledged nothing: ${reason}`;
    throw new ProblemError(503, detail, RETRY_OUTAGE, rejected.length > 0 ? rejected : undefined);
  }
  const unacknowledged = missing.map((at): Rejection => ({
    index: places[at]!,
    code: 'NotAcknowledged',
    detail: `send it again: ${reason}`,
  }));
  return {
    accepted,
    rejected: [...rejected, ...unacknowledged].sort((a, b) => a.index - b.index),
  };
}

function acknowledged(
  producer: IngestDependencies['producer'],
  records: OutgoingRecord[],
  metrics: Metrics,
): Promise<Acknowledgement> {
  try {
    return producer.send(records);
  } catch (error) {
    if (!(error instanceof QueueFullError)) throw error;
    metrics.ingestRecords.inc({ outcome: 'failed' }, records.length);
    throw queueFull();
  }
}
