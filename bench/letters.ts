import { randomUUID } from 'node:crypto';
import type { Kafka, Producer } from '../src/kafka/kafka';
import { deadLetterHeaders } from '../src/domain/workflow/dead-letter';
import { describePosition, type KafkaRecord } from '../src/domain/record/record';
import type { AnyStream } from '../src/domain/stream/stream';
import { writeStates } from '../src/operations/dead-letters/letter-states';
import type { StateEntry } from '../src/operations/dead-letters/state-entries';
import { messageOf } from './support';

/** Error types with messages that differ in numbers, ids and quoted texts, as real ones do. Each is one group. */
const GROUPS: [type: string, message: (index: number) => string][] = [
  ['Permanent', (index) => `no account ${index} at the ledger: open one, then replay`],
  ['Permanent', (index) => `the order ${randomUUID()} was cancelled ${index % 90} days ago`],
  ['Permanent', (index) => `HTTP 422 of the billing service: amount ${index % 1_000} is too small`],
  ['Permanent', (index) => `HTTP 404 of the stock service: no article "a-${index}"`],
  ['Permanent', (index) => `duplicate key value violates "payments_${index % 7}"`],
  ['SchemaMismatch', (index) => `expected number, received string at items[${index % 30}].price`],
  ['SchemaMismatch', () => 'expected string to have exactly 3 characters at currency'],
  ['SchemaMismatch', () => 'invalid email address at customer'],
  ['SchemaMismatch', () => 'expected object, received null at address'],
  ['InvalidJson', (index) => `unexpected token in JSON at position ${index % 4_000}`],
  ['InvalidJson', () => 'unexpected end of JSON input'],
  ['NullValue', () => 'the record has no value'],
  ['InvalidMessageId', () => 'the message has no id'],
  ['ContentConflict', (index) => `m-${index} is stored with other content`],
  ['Timeout', (index) => `the sink did not answer within ${10 + (index % 50)} s`],
  ['Transient', (index) => `connect ECONNREFUSED 10.0.${index % 250}.7:5432`],
  ['Transient', () => 'the ledger answered 503: closed until 14:00'],
  ['Transient', (index) => `deadlock detected by process ${index}`],
  ['Throttled', (index) => `HTTP 429: retry after ${index % 120} s`],
  ['DecodeFailed', (index) => `unknown schema id ${index % 60}`],
];

/** Below the largest batch that a dead-letter topic takes. */
const AT_ONCE = 1_000;
const VALUE_BYTES = 250;

/** A letter fails each 50 ms, the last one now. */
const failedAt = (index: number, count: number, now: number) =>
  new Date(now - (count - index) * 50);

/** Writes dead letters with the headers that a worker gives them, of 20 groups and each of a record and a workflow of its own. */
export async function writeLetters(
  producer: Producer,
  { name, topic, deadLetterTopic }: AnyStream,
  count: number,
  onProgress: (written: number) => void,
): Promise<string[]> {
  const now = Date.now();
  const runs: string[] = [];
  const letterOf = (index: number) => {
    const [type, message] = GROUPS[index % GROUPS.length]!;
    const at = failedAt(index, count, now);
    const id = `m-${index}`;
    const value = messageOf(id, VALUE_BYTES);
    const record: KafkaRecord = {
      ...{ topic, partition: index % 4, offset: Math.floor(index / 4) },
      ...{ timestamp: at.getTime(), key: Buffer.from(id), value, headers: [] },
    };
    const failure = { type, message: message(index), attempts: 1 + (index % 10) };
    const run = { workflowId: `${name}-${id}-${record.offset}`, runId: randomUUID() };
    runs.push(run.runId);
    const headers = deadLetterHeaders(name, record, failure, run, at, { key: id });
    return {
      ...{ key: record.key, value, timestamp: String(record.timestamp) },
      headers: Object.fromEntries(headers),
    };
  };
  for (let from = 0; from < count; from += AT_ONCE) {
    const length = Math.min(AT_ONCE, count - from);
    const messages = Array.from({ length }, (_, i) => letterOf(from + i));
    await producer.send({ topic: deadLetterTopic, acks: -1, messages });
    onProgress(from + length);
  }
  return runs;
}

/** Writes what became of letters all over the topic: every other one is delivered by a replay, the rest is discarded. */
export async function writeEntries(
  kafka: Kafka,
  stream: AnyStream,
  runs: string[],
  count: number,
): Promise<void> {
  const at = new Date().toISOString();
  const step = Math.max(1, Math.floor(runs.length / count));
  const entries = Array.from({ length: Math.min(count, runs.length) }, (_, i): StateEntry => {
    const offset = i * step;
    const letter = describePosition({ topic: stream.deadLetterTopic, partition: 0, offset });
    const runId = runs[offset]!;
    if (i % 2 === 1) {
      const decision = { status: 'discarded' as const, by: 'ops@example', reason: 'a test' };
      return { kind: 'disposition', letter, runId, at, ...decision };
    }
    const started = { workflowId: `replayed-${i}`, runId: randomUUID() };
    return { kind: 'progress', letter, runId, at, replay: 'r-1', started, ended: 'delivered' };
  });
  await writeStates(kafka, stream, entries);
}
