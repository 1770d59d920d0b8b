import { open, readdir, readFile, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { errorMessage, UsageError } from '../../domain/errors';
import type { ReplayRequest } from '../../domain/stream/replay';
import type { ProgressEntry } from '../dead-letters/state-entries';

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

const ofLetter = { at: z.string(), letter: z.string(), runId: z.string().nullable() };

/**
 * A line of a replay's log. Earlier versions kept their progress in such files. This version keeps it on the stream's state
 * topic, takes over what such files say, and writes one if `--audit` asks for it.
 * Lines in pairs, as `sending` and `sent`, stand before and after an effect.
 */
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

/** A log of an earlier version's replay. */
export interface OldLog {
  /** The replay's id: the file's name without its ending. */
  replay: string;
  start: AuditStart;
  /** How far the replay came with each letter. */
  entries: ProgressEntry[];
}

/** Reads the log of a replay that an earlier version began. Throws a {@link UsageError} if the file is no such log. */
export async function readOldLog(path: string): Promise<OldLog> {
  const [start, ...lines] = await readAudit(path);
  if (start?.event !== 'start') throw new UsageError(`${path} does not begin as a log does`);
  const replay = basename(path).replace(/\.ndjson$/, '');
  const entries = new Map<string, ProgressEntry>();
  for (const one of lines) {
    if (!('letter' in one)) continue;
    const { letter, runId, at } = one;
    const key = `${letter} ${runId}`;
    const entry = { kind: 'progress', ...entries.get(key), letter, runId, at, replay } as const;
    entries.set(key, { ...entry, ...stepOf(one) });
  }
  return { replay, start, entries: [...entries.values()] };
}

function stepOf(one: AuditLine): Partial<ProgressEntry> {
  switch (one.event) {
    case 'starting':
      return { starting: one.failed };
    case 'started':
      return { started: one.run };
    case 'sending':
      return { sending: { topic: one.topic, partition: one.partition, end: one.end } };
    case 'sent':
      return { sent: one.to };
    case 'ended':
      return { ended: one.end };
    case 'left':
    case 'resume':
    case 'start':
      return {};
  }
}

/** Reads the logs of a directory. `onNotice` receives a text for each file that is no log. */
export async function readOldLogs(
  directory: string,
  onNotice: (text: string) => void,
): Promise<OldLog[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return [];
    throw error;
  });
  const logs: OldLog[] = [];
  for (const name of names.filter((one) => one.endsWith('.ndjson')).sort()) {
    try {
      logs.push(await readOldLog(join(directory, name)));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      onNotice(`skipped: ${error.message}`);
    }
  }
  return logs;
}

/** Makes the file of `--audit`. Throws a {@link UsageError} if the file exists already, or if it can't be made. */
export async function createAudit(path: string): Promise<FileHandle> {
  return open(path, 'ax').catch((error: unknown) => {
    const exists = (error as { code?: unknown }).code === 'EEXIST';
    throw new UsageError(
      exists
        ? `${path} exists already: name another file with --audit`
        : `the log can't be made, see --audit: ${errorMessage(error)}`,
    );
  });
}

/** The lines of a log: what was asked for, and the steps of each letter, one JSON document a line. */
export function auditLines(request: ReplayRequest, entries: ProgressEntry[]): string {
  const { stream, deadLetterTopic, ranges, maxReplays, wait, at } = request;
  const start = { event: 'start', at, stream, deadLetterTopic, ranges };
  const lines: object[] = [{ ...start, filters: request.filters, maxReplays, wait }];
  for (const { letter, runId, at, starting, started, sent, ended, result } of entries) {
    const of = { at, letter, runId };
    if (starting) lines.push({ event: 'starting', ...of, failed: starting });
    if (started) lines.push({ event: 'started', ...of, run: started });
    if (sent) lines.push({ event: 'sent', ...of, to: sent });
    if (ended) lines.push({ event: 'ended', ...of, end: ended });
    const { outcome, reason = '' } = result ?? {};
    const left = outcome !== undefined && outcome !== 'replayed' && outcome !== 'sentBack';
    if (left) lines.push({ event: 'left', ...of, outcome, reason });
  }
  return lines.map((one) => `${JSON.stringify(one)}\n`).join('');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
