import { z } from 'zod';
import type { KafkaRecord } from '../../domain/record/record';

/** What people can do to a stream and its dead letters. */
export const AUDIT_ACTIONS = [
  'pause',
  'resume',
  'replay',
  'resumeReplay',
  'stopReplay',
  'discard',
  'reopen',
  'giveUp',
  'runAgain',
  'skipBatch',
] as const;

const count = z.number().int().min(0);
const position = z.object({ topic: z.string(), partition: count, offset: count });
const run = z.object({ workflowId: z.string(), runId: z.string() });
const underWay = z.union([run, z.object({ sentTo: position, timestamp: z.number() })]);
const outcome = z.enum(['replayed', 'sentBack', 'refused', 'failed', 'superseded', 'waiting']);
const end = z.enum(['delivered', 'deadAgain']);

/** The letter by its position, `<topic>/<partition>@<offset>`, and by the run that wrote it. */
const ofLetter = { letter: z.string(), runId: z.string().nullable(), at: z.string() };

/** What a replay did with a letter, and how far it came. Further steps of the same replay replace the entry. */
const progress = z.object({
  kind: z.literal('progress'),
  ...ofLetter,
  replay: z.string(),
  /** The replay is about to run this failed run's workflow again. */
  starting: run.optional(),
  started: run.optional(),
  /**
   * The record was about to be sent to this partition, behind the offset `end`. Only versions before this topic wrote
   * it: since then a record and its `sent` are one transaction.
   */
  sending: z.object({ topic: z.string(), partition: count, end: count }).optional(),
  sent: position.optional(),
  ended: end.optional(),
  result: z
    .object({
      outcome,
      reason: z.string().optional(),
      underWay: underWay.optional(),
      end: end.optional(),
    })
    .optional(),
});

/** A failed run whose workflow runs again by `failed replay`, which knows no letters. The letter names the failed run. */
const runAgain = z.object({
  kind: z.literal('runAgain'),
  workflowId: z.string(),
  /** The failed run. */
  runId: z.string(),
  newRunId: z.string(),
  at: z.string(),
  by: z.string(),
  /** How the new run ended; absent if nobody waited for it. */
  ended: end.optional(),
});

/** Somebody's decision about a letter. `open` takes an earlier decision back. */
const disposition = z.object({
  kind: z.literal('disposition'),
  ...ofLetter,
  status: z.enum(['discarded', 'open']),
  /** Who decided, as `user@host`. */
  by: z.string(),
  reason: z.string().nullable(),
});

const texts = z.array(z.string()).optional();

/** Something that a person did to the stream, by a command or on the operator page. */
const audit = z.object({
  kind: z.literal('audit'),
  id: z.string(),
  at: z.string(),
  /** Who did it, as `user@host`, or as the page knows the person. */
  by: z.string(),
  via: z.enum(['command', 'page']),
  action: z.enum(AUDIT_ACTIONS),
  /** What it was done to, in words, such as `2 letters: 0:7, 0:9`; null if it was done to the whole stream. */
  subject: z.string().nullable(),
  reason: z.string().nullable(),
  /** `asked`: the action began, and its end is not known. */
  outcome: z.enum(['asked', 'done', 'failed']),
  /** Why it failed, or what came of it. */
  detail: z.string().nullable(),
});

/** A replay: what it was asked for, and how it ended. */
const replay = z.object({
  kind: z.literal('replay'),
  request: z.object({
    stream: z.string(),
    replay: z.string(),
    by: z.string(),
    at: z.string(),
    deadLetterTopic: z.string(),
    ranges: z.array(z.object({ partition: count, low: count, high: count })),
    filters: z.object({
      errorTypes: texts,
      since: z.string().optional(),
      until: z.string().optional(),
      messageIds: texts,
      places: texts,
      groups: texts,
      text: z.string().optional(),
      limit: count.optional(),
    }),
    maxReplays: count,
    wait: z.boolean(),
    rate: z.number().optional(),
  }),
  /** When the replay ended, ISO 8601; null while it runs, and if it was stopped while no worker had it. */
  endedAt: z.string().nullable(),
  /** Whether it ended before all letters had their turn. */
  stopped: z.boolean(),
  /** Letters by what was done with them, and by how their records ended. */
  counts: z.record(z.string(), count),
});

const stateEntry = z.discriminatedUnion('kind', [progress, runAgain, disposition, replay, audit]);

/** A record of the stream's state topic. */
export type StateEntry = z.infer<typeof stateEntry>;
export type ProgressEntry = z.infer<typeof progress>;
export type ReplayEntry = z.infer<typeof replay>;
export type Disposition = z.infer<typeof disposition>;
export type RunAgainEntry = z.infer<typeof runAgain>;
export type AuditEntry = z.infer<typeof audit>;
/** How far a replay came with a letter. */
export type LetterProgress = Pick<
  ProgressEntry,
  'starting' | 'started' | 'sending' | 'sent' | 'ended'
>;
/** What identifies a letter: a position may recur if the topic is deleted and created again, a run's id never recurs. */
export interface LetterIdentity {
  /** Position of the letter, `<topic>/<partition>@<offset>`. */
  name: string;
  runId: string | null;
}

/** Anybody may write a letter, with a header of any length. A run's id has 36 characters. */
const MAX_RUN_ID = 100;
const MAX_REASON = 1_000;

export function identityOf({ name, runId }: LetterIdentity): string {
  return `${name} ${runId?.slice(0, MAX_RUN_ID) ?? '-'}`;
}

/** The key by which compaction keeps the last record of an entry. */
function keyOf(entry: StateEntry): string {
  if (entry.kind === 'replay') return `replay ${entry.request.replay}`;
  if (entry.kind === 'runAgain') return `runAgain ${entry.runId} ${entry.workflowId}`;
  if (entry.kind === 'audit') return `audit ${entry.id}`;
  const letter = identityOf({ name: entry.letter, runId: entry.runId });
  return entry.kind === 'progress' ? `progress ${letter} ${entry.replay}` : `disposition ${letter}`;
}

/** The entry as a message for the state topic. */
export function stateMessage(entry: StateEntry): { key: string; value: string; partition: number } {
  const short = 'runId' in entry && { runId: entry.runId && entry.runId.slice(0, MAX_RUN_ID) };
  return { key: keyOf(entry), value: JSON.stringify({ ...entry, ...short }), partition: 0 };
}

/** Cuts a text that may come from anybody, so that each entry fits into a record. */
export function cutReason(reason: string): string {
  return reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason;
}

/** Undefined for a record that is no entry, or one of a later version. */
export function entryOfRecord({ value }: KafkaRecord): StateEntry | undefined {
  try {
    return stateEntry.safeParse(JSON.parse(value?.toString('utf8') ?? '')).data;
  } catch {
    return undefined;
  }
}
