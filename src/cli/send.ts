import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { createKafka } from '../clients/kafka';
import { createProducer } from '../clients/kafka-producer';
import { environment, loadSettings } from '../config';
import { errorMessage, UsageError } from '../domain/errors';
import { createLogger } from '../logger';
import { requireTopics } from '../operations/topics';
import { printJson, progressLine, say } from './output';

/** kafkajs groups messages of one request in quadratic time; its sweet spot is near this. */
const BATCH_RECORDS = 1_000;
const BATCH_BYTES = 512 * 1024;

interface Flags {
  topic?: string;
  key: string;
  json?: boolean;
}

export function addSendCommand(program: Command): void {
  program
    .command('send')
    .description('send NDJSON into a topic, one record a line, from a file or stdin')
    .argument('[file]', 'default: stdin')
    .option('--topic <topic>', 'default: CLOUDSYNC_TOPIC')
    .option('--key <field>', 'field of the line that becomes the record key', 'id')
    .option('--json', 'print one JSON document')
    .action(async (file: string | undefined, flags: Flags) => {
      if (file !== undefined) await requireReadable(file);
      const settings = loadSettings(environment());
      const topic = flags.topic ?? settings.topic;
      const kafka = createKafka(settings.kafka, createLogger('error'));
      await requireTopics(kafka, [topic]);
      const producer = createProducer(kafka);
      await producer.connect();
      const progress = progressLine();
      let sent = 0;
      let batch: { key: string | null; value: string }[] = [];
      let bytes = 0;
      const flush = async () => {
        if (batch.length === 0) return;
        await producer.send({ topic, acks: -1, messages: batch });
        sent += batch.length;
        progress(`${sent} records sent to ${topic}`);
        batch = [];
        bytes = 0;
      };
      try {
        for await (const line of lines(file)) {
          if (line.trim() === '') continue;
          batch.push({ key: keyOf(line, flags.key), value: line });
          bytes += line.length;
          if (batch.length >= BATCH_RECORDS || bytes >= BATCH_BYTES) await flush();
        }
        await flush();
      } catch (error) {
        say(`${sent} records were sent before the error`);
        throw error;
      } finally {
        progress('');
        await producer.disconnect();
      }
      if (flags.json) printJson({ topic, sent });
      else say(`${sent} records sent to ${topic}`);
    });
}

async function requireReadable(file: string): Promise<void> {
  await access(file, constants.R_OK).catch((error: unknown) => {
    throw new UsageError(errorMessage(error));
  });
}

async function* lines(file: string | undefined): AsyncGenerator<string> {
  const input = file === undefined ? process.stdin : createReadStream(file);
  const reader = createInterface({ input, crlfDelay: Infinity });
  let failure: Error | undefined;
  // The lines of a stream that fails just end.
  input.once('error', (error: Error) => {
    failure = error;
    reader.close();
  });
  yield* reader;
  if (failure) throw new UsageError(failure.message);
}

/**
 * One message id always goes to one partition. A line that is no JSON is sent without a key: whether it
 * is a good record is for the stream to say, not for the producer.
 */
function keyOf(line: string, field: string): string | null {
  try {
    const value = (JSON.parse(line) as Record<string, unknown> | null)?.[field];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  } catch {
    return null;
  }
}
