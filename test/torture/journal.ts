import { hash } from 'node:crypto';
import { appendFile, readFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Sink, SinkRecord, WriteContext } from 'cloudsync';

/** One write that a sink has answered: time, record and process. */
export interface JournalEntry {
  time: number;
  pid: number;
  messageId: string;
  key: string | null;
  partition: number;
  offset: number;
  outcome: string;
}

/** The sink with a journal of its writes. The last writes of a killed process may be missing. */
export function withJournal<Message>(sink: Sink<Message>, file: string): Sink<Message> {
  return {
    ...sink,
    async write(record: SinkRecord<Message>, context: WriteContext) {
      const result = await sink.write(record, context);
      await append(file, lineOf(record, result.outcome));
      return result;
    },
  };
}

/** A sink without any dedupe: it appends the value of each record as a line. */
export function appendOnlySink(file: string): Sink {
  return {
    async write({ value }) {
      await append(file, value.toString('base64'));
      return { outcome: 'written' };
    },
    async *stored() {
      for await (const line of lines(file)) {
        yield Buffer.from(JSON.parse(line) as string, 'base64');
      }
    },
  };
}

export async function readJournal(file: string): Promise<JournalEntry[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JournalEntry);
}

function lineOf(record: SinkRecord<unknown>, outcome: string): JournalEntry {
  const { messageId, partition, offset, key } = record;
  const [time, pid] = [Date.now(), process.pid];
  return {
    time,
    pid,
    messageId,
    key: key && nameOf(key),
    partition,
    offset,
    outcome,
  };
}

/** Appends a line in one write with O_APPEND, so that lines of several processes do not mix. */
async function append(file: string, line: unknown): Promise<void> {
  await appendFile(file, `${JSON.stringify(line)}\n`);
}

async function* lines(file: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(file) });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
  }
}

/** A short name of a key. It differs for keys of 400,000 bytes that differ only in their last bytes. */
function nameOf(key: Buffer): string {
  return key.length > 50 ? hash('sha256', key, 'hex') : key.toString();
}
