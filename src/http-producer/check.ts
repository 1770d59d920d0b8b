import { parseRecord, type ParseResult } from '../domain/workflow/parse';
import type { InvalidReason, KafkaRecord } from '../domain/record/record';
import { fitsWorkflow, MAX_CONTENT_BYTES } from '../domain/workflow/record-start';
import type { AnyStream } from '../domain/stream/stream';
import type { TraceContext } from '../domain/record/trace-context';
import type { OutgoingRecord } from '../kafka/producer/batching-producer';
import type { Draft } from './draft';
import { ProblemError, type Rejection, type RejectionCode } from '../http/problem';

type Verdict = { record: OutgoingRecord } | Omit<Rejection, 'index'>;

/** Limit for the characters of a rejection's detail, because a request may have thousands of rejections. */
const MAX_DETAIL_LENGTH = 500;

/**
 * Creates the checks that the bridge makes, for every stream that reads the topic. So the bridge accepts each
 * message that is accepted here. The record's key is the message id.
 */
export function createCheck(streams: AnyStream[], maxRecordBytes: () => number) {
  const parsers = distinctParsers(streams);
  return (draft: Draft, requestTrace: TraceContext | undefined): Verdict | Promise<Verdict> => {
    if ('code' in draft) return draft;
    const headers = { ...(draft.trace ?? requestTrace) };
    const record = {
      topic: streams[0]!.topic,
      partition: 0,
      offset: 0,
      timestamp: Date.now(),
      key: null,
      value: draft.value,
      headers: headerPairs(headers),
    };
    const results = parsers.map((stream) => parseRecord(stream, record));
    // There is a promise per message only if a stream needs one.
    return results.some((result) => result instanceof Promise)
      ? Promise.all(results.map((result) => Promise.resolve(result))).then((all) =>
          verdictOf(all, record, headers),
        )
      : verdictOf(results as ParseResult[], record, headers);
  };

  function verdictOf(
    results: ParseResult[],
    record: KafkaRecord & { value: Buffer },
    headers: Record<string, string>,
  ): Verdict {
    let messageId: string | undefined;
    let skipped: string | undefined;
    for (const [index, result] of results.entries()) {
      const { name } = parsers[index]!;
      if ('failing' in result) throw failing(name);
      if (!result.ok) {
        if (!result.filtered) return rejection(codeOf(result.reason), result.reason.message);
        skipped ??= `no stream takes it; stream ${name}: ${result.reason.message}`;
        continue;
      }
      messageId ??= result.messageId;
      if (messageId !== result.messageId) {
        return rejection('InvalidMessageId', `stream ${name} gives it another id`);
      }
    }
    if (messageId === undefined) return rejection('Filtered', skipped!);
    const key = Buffer.from(messageId);
    record.key = key;
    const bytes = key.length + record.value.length;
    if (bytes > maxRecordBytes()) {
      const detail = `key and value have ${bytes} bytes; the topic takes ${maxRecordBytes()}`;
      return rejection('RecordTooLarge', detail);
    }
    if (!fitsWorkflow(record)) {
      const detail = `as JSON it has more than the ${MAX_CONTENT_BYTES} bytes that a workflow takes`;
      return rejection('RecordTooLarge', detail);
    }
    return { record: { key, value: record.value, headers } };
  }
}

/** Streams that always have the same verdict on a record are asked once. */
function distinctParsers(streams: AnyStream[]): AnyStream[] {
  return streams.filter(
    (stream, index) =>
      !streams
        .slice(0, index)
        .some(
          (other) =>
            other.schema === stream.schema &&
            other.messageId === stream.messageId &&
            other.decode === stream.decode &&
            other.accept === stream.accept &&
            other.filter === stream.filter,
        ),
  );
}

/** Other types are reasons of records that come from elsewhere. */
function codeOf({ type }: InvalidReason): RejectionCode {
  if (type === 'DecodeFailed') return 'InvalidJson';
  const isCode = type === 'InvalidJson' || type === 'InvalidMessageId' || type === 'FilterFailed';
  return isCode ? type : 'SchemaMismatch';
}

/** The error if nobody can say for now whether a message is valid. */
function failing(stream: string): ProblemError {
  const detail = `stream ${stream} can't decode messages for now; send them again`;
  return new ProblemError(503, detail, { 'retry-after': '5' });
}

function headerPairs(headers: Record<string, string>): KafkaRecord['headers'] {
  return Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]);
}

function rejection(code: RejectionCode, detail: string): Verdict {
  return { code, detail: detail.slice(0, MAX_DETAIL_LENGTH).toWellFormed() };
}
