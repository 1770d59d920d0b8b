import { open, readdir, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errorMessage, UsageError } from '../../domain/errors';
import type { Letter } from './replay-letters';

const count = z.number().int().min(0);
const position = z.object({ topic: z.string(), partition: count, offset: count });
const range = z.object({ partition: count, low: count, high: count });
const run = z.object({ workflowId: z.string(), runId: z.string() });
const filters = z.strictObject({
  errorTypes: z.array(z.string()).optional(),
  since: z.string().optional(),
  until: z.string().optional(),
  messageIds: z.array(z.string()).optional(),
  places: z.array(z.string()).optional(),
  limit: count.optional(),
});

/** Filters for the letters of a replay, as given to the command. A letter must match all that are given. */
export type ReplayFilters = z.infer<typeof filters>;

const ofLetter = { at: z.string(), letter: z.string(), runId: z.string().nullable() };

/** A line of the log. Lines in pairs, as `sending` and `sent`, stand before and after an effect. */
const line = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('start'),
    at: z.string(),
    stream: z.string(),
    deadLetterTopic: z.string(),
    /**
     * The ranges of the dead-letter topic at the start. So letters that the replay itself causes are not
     * replayed.
     */
    ranges: z.array(range),
    filters,
    maxReplays: count,
    wait: z.boolean(),
  }),
  z.object({ event: z.literal('resume'), at: z.string() }),
  z.object({ event: z.literal('starting'), ...ofLetter, failed: run }),
  z.object({ event: z.literal('started'), ...ofLetter, run }),
  /** `end` is the end of the partition before the send. The record will lie at this offset or behind. */
  z.object({
    event: z.literal('sending'),
    ...ofLetter,
    topic: z.string(),
    partition: count,
    end: count,
  }),
  z.object({ event: z.literal('sent'), ...ofLetter, to: position }),
  z.object({ event: z.literal('ended'), ...ofLetter, end: z.enum(['delivered', 'deadAgain']) }),
  /** The replay did nothing with the letter. This line is for people who read the log. */
  z.object({ event: z.literal('left'), ...ofLetter, outcome: z.string(), reason: z.string() }),
]);

export type AuditLine = z.infer<typeof line>;
export type AuditStart = Extract<AuditLine, { event: 'start' }>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
export type LetterEvent = DistributiveOmit<
  Exclude<AuditLine, { event: 'start' | 'resume' }>,
  'at' | 'letter' | 'runId'
>;

/** How far the replay of one letter came, according to the log. */
export interface LetterProgress {
  starting?: z.infer<typeof run>;
  started?: z.infer<typeof run>;
  sending?: { topic: string; partition: number; end: number };
  sent?: z.infer<typeof position>;
  ended?: 'delivered' | 'deadAgain';
}

/**
 * Key of a letter's progress. A position on the dead-letter topic may recur if the topic is deleted and created
 * again; a run's id never recurs.
 */
function keyOf(letter: string, runId: string | null): string {
  return `${letter} ${runId}`;
}

/** The progress of each letter, according to one log or several. */
export class AuditProgress {
  readonly #letters = new Map<string, LetterProgress>();

  of(letter: Letter): LetterProgress {
    return this.#letters.get(keyOf(letter.name, letter.runId)) ?? {};
  }

  add(entry: AuditLine): void {
    if (!('letter' in entry)) return;
    const key = keyOf(entry.letter, entry.runId);
    const progress = this.#letters.get(key) ?? {};
    this.#letters.set(key, progress);
    if (entry.event === 'starting') progress.starting = entry.failed;
    else if (entry.event === 'started') progress.started = entry.run;
    else if (entry.event === 'sending') {
      const { topic, partition, end } = entry;
      progress.sending = { topic, partition, end };
    } else if (entry.event === 'sent') progress.sent = entry.to;
    else if (entry.event === 'ended') progress.ended = entry.end;
  }
}

/**
 * Reads the lines of a log. A last line without its line feed does not count, because a crash may have cut it
 * off. Its effect has not begun, because an effect begins only when its whole line is on the disk. Throws a
 * {@link UsageError} if the file can't be read; if a line is wrong, the error says which.
 */
export async function readAudit(path: string): Promise<AuditLine[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`can't read the log ${path}: ${(error as Error).message}`);
  });
  return text
    .split('\n')
    .slice(0, -1)
    .map((one, index) => {
      const parsed = line.safeParse(parseJson(one));
      if (parsed.success) return parsed.data;
      throw new UsageError(
        `line ${index + 1} of ${path} is not a line of a replay log: ${z.prettifyError(parsed.error)}`,
      );
    });
}

/** Combines the progress of all logs in a directory. `onNotice` receives a text for each file that is no log. */
export async function readAudits(
  directory: string,
  onNotice: (text: string) => void,
): Promise<AuditProgress> {
  const progress = new AuditProgress();
  const names = await readdir(directory).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names.filter((one) => one.endsWith('.ndjson')).sort()) {
    try {
      for (const one of await readAudit(join(directory, name))) progress.add(one);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      onNotice(`skipped: ${error.message}`);
    }
  }
  return progress;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A log of what a replay does: one JSON document per line. */
export class AuditLog {
  #last: Promise<void> = Promise.resolve();

  private constructor(
    readonly path: string,
    readonly progress: AuditProgress,
    private readonly file: FileHandle,
  ) {}

  /** Throws a {@link UsageError} if the file exists already, or if it can't be created. */
  static async create(path: string, start: Omit<AuditStart, 'at' | 'event'>): Promise<AuditLog> {
    const file = await open(path, 'ax').catch((error: unknown) => {
      const exists = (error as { code?: unknown }).code === 'EEXIST';
      throw new UsageError(
        exists
          ? `${path} exists already: continue it with --resume, or name another file with --audit`
          : `the log can't be made, see --audit: ${errorMessage(error)}`,
      );
    });
    const log = new AuditLog(path, new AuditProgress(), file);
    await log.#append({ event: 'start', at: now(), ...start });
    return log;
  }

  /** Continues an existing log. */
  static async resume(path: string): Promise<AuditLog> {
    const progress = new AuditProgress();
    for (const one of await readAudit(path)) progress.add(one);
    const text = await readFile(path);
    // A crash may have left an unfinished line. The next line would be appended to it.
    await truncate(path, text.lastIndexOf('\n') + 1);
    const log = new AuditLog(path, progress, await open(path, 'a'));
    await log.#append({ event: 'resume', at: now() });
    return log;
  }

  /** Resolves when the line is on the disk. */
  async write(letter: Letter, event: LetterEvent): Promise<void> {
    const { name, runId } = letter;
    const entry: AuditLine = { ...event, at: now(), letter: name, runId };
    this.progress.add(entry);
    await this.#append(entry);
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.file.close();
  }

  #append(entry: AuditLine): Promise<void> {
    const written = this.#last.then(async () => {
      await this.file.appendFile(`${JSON.stringify(entry)}\n`);
      await this.file.datasync();
    });
    // After a failed write no further line is written: it would be appended to what the failed write has left.
    this.#last = written;
    return written;
  }
}

function now(): string {
  return new Date().toISOString();
}
