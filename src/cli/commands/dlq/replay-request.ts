import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kafka } from '../../../kafka/kafka';
import { UsageError } from '../../../domain/errors';
import type { AnyStream } from '../../../domain/stream/stream';
import type { ReplayRequest } from '../../../domain/stream/replay';
import {
  statesOf,
  writeStates,
  type LetterStates,
} from '../../../operations/dead-letters/letter-states';
import { operator } from '../../../operations/operator';
import { resumedReplay } from '../../../operations/replay/replay-request';
import { readOldLog, readOldLogs, type OldLog } from '../../../operations/replay/replay-audit';
import { printable } from '../../../lib/unprintable';
import { say } from '../../output/output';

/** Where earlier versions kept the logs of replays, relative to the folder in which the command runs. */
export const LOG_DIRECTORY = join('.cloudsync', 'replays');

interface RequestFlags {
  wait?: boolean;
  rate?: number;
}

/** The states of the stream's letters, with what the logs of earlier versions say. */
export async function knownStates(
  kafka: Kafka,
  stream: AnyStream,
  log: OldLog | undefined,
  { dryRun }: { dryRun?: boolean },
): Promise<LetterStates> {
  const states = await statesOf(kafka, stream);
  const logs = await readOldLogs(LOG_DIRECTORY, (text) => say(printable(text)));
  const entries = [...logs, ...(log ? [log] : [])]
    .filter(({ start }) => start.stream === stream.name)
    .flatMap((one) => one.entries)
    .filter((entry) => !states.entryOf({ name: entry.letter, runId: entry.runId }, entry.replay));
  if (entries.length === 0) return states;
  entries.forEach((entry) => states.add(entry));
  if (dryRun) return states;
  await writeStates(kafka, stream, entries);
  say(`took over what logs of earlier versions say about ${entries.length} letters`);
  return states;
}

/** The log of an earlier version that `--resume` names; undefined if `--resume` names a replay by its id. */
export async function oldLog(resume: string | undefined): Promise<OldLog | undefined> {
  if (resume === undefined) return undefined;
  const isFile = await access(resume).then(
    () => true,
    () => false,
  );
  return isFile || resume.endsWith('.ndjson') ? readOldLog(resume) : undefined;
}

/** The replay that `--resume` names, as it was asked for, with the options that are given now. */
export function oldRequest(
  stream: AnyStream,
  { resume, rate, wait }: RequestFlags & { resume?: string },
  log: OldLog | undefined,
  states: LetterStates,
): ReplayRequest {
  const replay = log ? log.replay : resume!;
  const before = states.replays.get(replay)?.request ?? (log && { ...log.start, replay });
  if (!before) {
    throw new UsageError(
      `stream ${stream.name} has no replay ${JSON.stringify(replay)}: "cloudsync dlq replays" lists them`,
    );
  }
  if (before.stream !== stream.name) {
    throw new UsageError(`the log is of stream ${before.stream}, not of ${stream.name}`);
  }
  return resumedReplay(before, { by: operator(), rate, wait });
}
