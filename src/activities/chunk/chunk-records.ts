import { contentKey } from '../../domain/workflow/content-key';
import type { Taken } from '../../domain/workflow/parse';
import { describePosition, type KafkaRecord } from '../../domain/record/record';
import type { SinkRecord } from '../../domain/stream/sink';
import { recordWorkflowId } from '../../domain/record/workflow-id';
import { attemptFailure } from '../attempt/attempt-failure';
import type { ChunkAttempt } from './chunk-attempt';
import type { ChunkDependencies } from './dependencies';
import { parseAll } from './parse-all';

/** A valid record that this attempt may write to the sink. */
export interface Candidate {
  record: SinkRecord;
  /** The record as Kafka has it, for a workflow of its own. A sink gets no exact timestamp. */
  original: KafkaRecord;
  /** The message's key in layer `recent`. */
  messageKey: string;
  /** Attempts made at the sink, including earlier attempts at the chunk, as far as known. */
  attempts: number;
}

/**
 * The records of a chunk. A record is settled when the chunk has nothing more to do for it: it is at the sink, is a
 * duplicate, has left the chunk, or is skipped by the stream.
 *
 * Attempts at a chunk overlap: Temporal makes the next one when it has not heard of the last, and both share one
 * `ChunkProgress`. So whoever has waited must ask again whether a record is settled.
 */
export class ChunkRecords {
  constructor(
    private readonly deps: Pick<ChunkDependencies, 'stream' | 'events'>,
    private readonly attempt: ChunkAttempt,
  ) {}

  /**
   * Parses the records that are not settled, and settles those that the stream skips. Throws when a record can't be
   * decoded for now: that is not the record's fault, and Temporal repeats the attempt.
   */
  async parse(): Promise<[KafkaRecord, Taken][]> {
    const { stream, events } = this.deps;
    const { progress, chunk } = this.attempt;
    const { partition } = chunk;
    const records = progress.records.filter((record) => !this.isSettled(record));
    const results = await this.attempt.inTime(() => parseAll(stream, records));
    const parsed: [KafkaRecord, Taken][] = [];
    const filtered: KafkaRecord[] = [];
    for (const [index, record] of records.entries()) {
      const result = results[index]!;
      if ('failing' in result) {
        const { failing } = result;
        events.decoding(partition, failing.message);
        const message = `${describePosition(record)} can't be decoded for now: ${failing.message}`;
        throw attemptFailure({ ...failing, message });
      }
      if (!result.ok && result.filtered) filtered.push(record);
      else parsed.push([record, result]);
    }
    events.decoding(partition, undefined);
    for (const record of filtered) if (this.settle(record)) progress.filtered++;
    return parsed;
  }

  candidate(record: KafkaRecord, messageId: string, message: unknown): Candidate {
    const { stream } = this.deps;
    const value = record.value!;
    const { topic, partition, offset, timestamp, key, headers } = record;
    // A spread or a getter here takes a tenth of the time that the bridge worker has for a record.
    const sinkRecord: SinkRecord = {
      topic,
      partition,
      offset,
      timestamp,
      key,
      value,
      headers,
      stream: stream.name,
      messageId,
      message,
      workflowId: '',
    };
    sinkRecord.workflowId = recordWorkflowId(stream.workflowId, sinkRecord);
    return {
      record: sinkRecord,
      original: record,
      messageKey: contentKey(messageId, value),
      attempts: this.attempt.earlier,
    };
  }

  isSettled({ offset }: KafkaRecord): boolean {
    return this.attempt.progress.settled.has(offset);
  }

  /** Returns false if an overlapping attempt, whose time was up, has settled the record after all. */
  settle({ offset }: KafkaRecord): boolean {
    const { settled } = this.attempt.progress;
    return settled.size !== settled.add(offset).size;
  }

  /** Settles a record whose message was delivered before. */
  skip({ record }: Candidate, layer: 'recent' | 'sink'): void {
    if (!this.settle(record)) return;
    this.attempt.progress.duplicates++;
    this.deps.events.duplicate(record, layer);
  }
}
