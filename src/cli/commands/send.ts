import { isUtf8 } from 'node:buffer';
import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { membersOf } from '../../lib/json-slices';
import { createKafka, type Producer } from '../../kafka/kafka';
import { createProducer } from '../../kafka/producer/producer';
import { environment, loadSettings } from '../../settings/config';
import { errorMessage, UsageError } from '../../domain/errors';
import { createLogger } from '../../telemetry/logger';
import { linesOfStream, type Line } from '../../lib/ndjson';
import { maxMessageBytes, requireTopics } from '../../operations/topics';
import { commandKafka } from '../options/context';
import { printJson, progressLine, say } from '../output/output';

/** kafkajs groups the messages of one request in quadratic time. Near this size it is fastest. */
const BATCH_RECORDS = 1_000;
const BATCH_BYTES = 512 * 1024;
/** A batch that is not full waits this long for more input. */
const LINGER_MS = 200;
/** Limits of what Kafka writes around a batch, and around key and value of a record without headers. */
const BATCH_OVERHEAD_BYTES = 64;
const RECORD_OVERHEAD_BYTES = 32;

interface Flags {
  topic?: string;
  key: string;
  json?: boolean;
}

export function addSendCommand(program: Command): void {
  program
    .command('send')
    .description('send NDJSON from a file or stdin into a topic, one record a line')
    .argument('[file]', 'the file (default: stdin)')
    .option('--topic <topic>', 'the topic (default: CLOUDSYNC_TOPIC)')
    .option('--key <field>', 'field of the line that becomes the record key', 'id')
    .option('--json', 'print one JSON document')
    .action(async (file: string | undefined, flags: Flags) => {
      if (file !== undefined) await requireReadable(file);
      const settings = loadSettings(environment());
      const topic = flags.topic ?? settings.topic;
      const kafka = commandKafka(settings);
      await requireTopics(kafka, [topic]);
      const maxBytes = await maxMessageBytes(kafka, topic);
      // Kafka has answered. If it goes away later, it is retried for longer than in other commands, because the
      // input may not be available a second time.
      const producer = createProducer(createKafka(settings.kafka, createLogger('error')));
      await producer.connect();
      const progress = progressLine();
      const onSent = (sent: number) => progress(`${sent} records sent to ${topic}`);
      const sender = new LineSender(producer, topic, flags.key, maxBytes, onSent);
      try {
        const pieces = whenIdle(bytesOf(file), () => sender.flush());
        for await (const line of linesOfStream(pieces, maxBytes)) await sender.add(line);
        await sender.flush();
      } catch (error) {
        progress('');
        say(sender.describe());
        throw error;
      } finally {
        progress('');
        await producer.disconnect();
      }
      if (flags.json) printJson({ topic, sent: sender.sent });
      else say(`${sender.sent} records sent to ${topic}`);
    });
}

/** Sends lines in batches, in their order, and knows which lines the broker has accepted. */
export class LineSender {
  sent = 0;
  #lastSent = 0;
  #batch: { line: number; key: string | null; value: Buffer }[] = [];
  #bytes = BATCH_OVERHEAD_BYTES;
  #inDoubt = false;

  constructor(
    private readonly producer: Pick<Producer, 'send'>,
    private readonly topic: string,
    private readonly keyField: string,
    private readonly maxBytes: number,
    private readonly onSent: (sent: number) => void = () => undefined,
  ) {}

  /** Throws if the line can't be a record. The lines before it have been sent then. */
  async add(line: Line): Promise<void> {
    const { number, bytes } = line;
    const fault = faultOf(line, this.maxBytes);
    if (fault !== undefined) {
      await this.flush();
      throw new UsageError(`line ${number} ${fault}`);
    }
    const key = keyOf(bytes, this.keyField);
    const size = bytes.length + Buffer.byteLength(key ?? '') + RECORD_OVERHEAD_BYTES;
    // A line that may be too large goes alone, because the broker refuses a batch as a whole.
    const limit = Math.min(BATCH_BYTES, this.maxBytes);
    if (this.#batch.length >= BATCH_RECORDS || this.#bytes + size > limit) await this.flush();
    this.#batch.push({ line: number, key, value: bytes });
    this.#bytes += size;
  }

  async flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const messages = this.#batch.map(({ key, value }) => ({ key, value }));
    try {
      await this.producer.send({ topic: this.topic, acks: -1, messages });
    } catch (error) {
      this.#inDoubt = messages.length > 1;
      throw new Error(`${this.topic} did not accept ${this.#batchLines()}`, { cause: error });
    }
    this.sent += messages.length;
    this.#lastSent = this.#batch.at(-1)!.line;
    this.#batch = [];
    this.#bytes = BATCH_OVERHEAD_BYTES;
    this.onSent(this.sent);
  }

  /** After an error: says which lines have been sent and which have not. */
  describe(): string {
    const sent =
      this.sent === 0
        ? 'nothing was sent'
        : `${this.sent} records were sent, those of the lines up to ${this.#lastSent}`;
    // Each partition accepts or refuses its own part of a batch.
    const doubt = this.#inDoubt ? `; of ${this.#batchLines()} some may have been` : '';
    return `${sent}${doubt}; no later line was`;
  }

  #batchLines(): string {
    const [first, last] = [this.#batch[0]!.line, this.#batch.at(-1)!.line];
    return first === last ? `line ${first}` : `lines ${first} to ${last}`;
  }
}

async function requireReadable(file: string): Promise<void> {
  await access(file, constants.R_OK).catch((error: unknown) => {
    throw unreadable(file, error);
  });
}

function unreadable(file: string, error: unknown): UsageError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return new UsageError(
    missing
      ? `there is no file ${file}: name one that holds a JSON document a line, or leave it out to send stdin`
      : `the file ${file} can't be read: ${errorMessage(error)}`,
  );
}

async function* bytesOf(file: string | undefined): AsyncGenerator<Buffer> {
  const input: AsyncIterable<Buffer> = file === undefined ? process.stdin : createReadStream(file);
  try {
    yield* input;
  } catch (error) {
    throw unreadable(file ?? 'stdin', error);
  }
}

/**
 * Calls `onIdle` when no input has come for 200 ms, as with `tail -f`, so that earlier input is not kept waiting.
 */
async function* whenIdle(
  input: AsyncGenerator<Buffer>,
  onIdle: () => Promise<void>,
): AsyncGenerator<Buffer> {
  for (;;) {
    const next = input.next();
    const waiting = new AbortController();
    const pause = sleep(LINGER_MS, 'idle', waiting).catch(() => 'over');
    if ((await Promise.race([next, pause])) === 'idle') await onIdle();
    const piece = await next.finally(() => waiting.abort());
    if (piece.done) return;
    yield piece.value;
  }
}

/** Why a line can't be a record. */
function faultOf({ bytes, cut }: Line, maxBytes: number): string | undefined {
  if (cut || bytes.length > maxBytes) {
    return `has more than the ${maxBytes} bytes that the topic takes (max.message.bytes)`;
  }
  if (!isUtf8(bytes)) return 'is not UTF-8: convert the file, as with iconv -t UTF-8';
  return undefined;
}

/**
 * The record's key, so that one message id always goes to one partition. A line that is not JSON is sent without
 * a key. The stream decides whether such a line is a valid record, not the producer.
 */
function keyOf(line: Buffer, field: string): string | null {
  let message: unknown;
  try {
    message = JSON.parse(line.toString());
  } catch {
    return null;
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return null;
  if (!Object.hasOwn(message, field)) return null;
  const value = (message as Record<string, unknown>)[field];
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') return null;
  // A parsed number beyond 2^53 has lost its last digits. The digits in the line are right.
  return Number.isSafeInteger(value)
    ? String(value)
    : membersOf(line, Infinity)!.get(field)!.toString();
}
