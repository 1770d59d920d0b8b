import type { Client } from '@temporalio/client';
import { describePosition, type RecordPosition } from '../../domain/record/record';
import type { PauseReason } from '../../domain/stream/pause';
import type { ReplayRequest } from '../../domain/stream/replay';
import type { ListedLetter } from '../dead-letters/dead-letters-list';
import { decideLetters } from '../dead-letters/discard';
import { giveUpHead } from '../give-up';
import { startReplay, stopReplay, type RunningReplay } from '../replay/replay-start';
import { pauseStream, resumeStream, type HeldBack } from '../resume';
import { audited, type Actor } from './audited';

/** Pauses the stream for all its processes. A stream that is paused already keeps its reason, which is returned. */
export function pause(actor: Actor, client: Client, reason: string | null): Promise<PauseReason> {
  const { stream, by } = actor;
  return audited(actor, { action: 'pause', subject: null, reason }, () =>
    pauseStream(client, stream, { by, reason }),
  );
}

/** Ends the pause and the brake of the stream. `signalled`: no worker of the stream has received the signal yet. */
export function resume(
  actor: Actor,
  client: Client,
  held: Pick<HeldBack, 'paused' | 'braked'>,
): Promise<'resumed' | 'signalled'> {
  const { stream, by } = actor;
  const subject = [held.paused && 'the pause', held.braked && 'the brake'].filter(Boolean);
  const what = { action: 'resume', subject: subject.join(' and ') || null, reason: null } as const;
  return audited(
    actor,
    what,
    () => resumeStream(client, { stream, ...held }, by),
    (result) => result,
  );
}

/** Closes letters whose records shall not be delivered. */
export function discard(actor: Actor, letters: ListedLetter[], reason: string): Promise<void> {
  return audited(actor, { action: 'discard', subject: inWords(letters), reason }, () =>
    decide(actor, letters, 'discarded', reason),
  );
}

/** Takes back that letters were discarded. */
export function reopen(
  actor: Actor,
  letters: ListedLetter[],
  reason: string | null,
): Promise<void> {
  return audited(actor, { action: 'reopen', subject: inWords(letters), reason }, () =>
    decide(actor, letters, 'open', reason),
  );
}

function decide(
  { kafka, stream, by }: Actor,
  letters: ListedLetter[],
  status: 'discarded' | 'open',
  reason: string | null,
): Promise<void> {
  return decideLetters(kafka, stream, letters, { status, by, reason });
}

/** Lets a held key continue without its first dead record. Resolves with the key's next head, or with null. */
export function giveUp(
  actor: Actor,
  client: Client,
  record: RecordPosition,
  reason: string | null,
): Promise<RecordPosition | null> {
  const { stream, by } = actor;
  return audited(
    actor,
    { action: 'giveUp', subject: describePosition(record), reason },
    () => giveUpHead(client, stream, record, { by, reason }),
    (next) => (next ? `its key waits for ${describePosition(next)}` : 'its key is no longer held'),
  );
}

/** Begins a replay, or goes on with one that was stopped. Throws if a replay of the stream is running. */
export function beginReplay(
  actor: Actor,
  client: Client,
  request: ReplayRequest,
  isResumed: boolean,
): Promise<RunningReplay> {
  const action = isResumed ? 'resumeReplay' : 'replay';
  return audited(actor, { action, subject: request.replay, reason: null }, () =>
    startReplay(client, actor.stream, request),
  );
}

/** Asks the running replay to end after the records under way. Returns whether there was one. */
export function endReplay(
  actor: Actor,
  client: Client,
  { replay, runId }: Pick<RunningReplay, 'replay' | 'runId'>,
): Promise<boolean> {
  const { stream, by } = actor;
  return audited(
    actor,
    { action: 'stopReplay', subject: replay, reason: null },
    () => stopReplay(client, stream, by, runId),
    (wasRunning) => (wasRunning ? null : 'it had ended'),
  );
}

/** The letters of an action. */
function inWords(letters: ListedLetter[]): string {
  const MOST = 20;
  const places = letters.map(({ deadLetter }) => `${deadLetter.partition}:${deadLetter.offset}`);
  const count = places.length === 1 ? '1 letter' : `${places.length} letters`;
  return `${count}: ${places.slice(0, MOST).join(', ')}${places.length > MOST ? ', …' : ''}`;
}
