import { randomBytes } from 'node:crypto';
import { errorMessage } from '../../domain/errors';
import { within } from '../../lib/within';
import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { writeStates } from '../dead-letters/letter-states';
import { cutReason, type AuditEntry } from '../dead-letters/state-entries';

/** Who acts on which stream, and by what. */
export interface Actor {
  kafka: Kafka;
  stream: AnyStream;
  /** The person, as `user@host`, or as the page knows the person. */
  by: string;
  via: AuditEntry['via'];
  /** Receives what the person should know, such as that the action is not in the audit. */
  onNotice: (text: string) => void;
}

/** How long an action waits for its entry. */
const WRITE_MS = 3_000;

/** An action of a person, as the audit names it. */
export type AuditedAction = Pick<AuditEntry, 'action' | 'subject' | 'reason'>;

/**
 * Does something for a person, and keeps who did it, when and why on the stream's state topic. The entry is written
 * before the action, so an action whose process dies is there too, as `asked`. An action does not fail because its entry
 * can't be written: a person in trouble must be able to act.
 */
export async function audited<T>(
  { kafka, stream, by, via, onNotice }: Actor,
  { action, subject, reason }: AuditedAction,
  act: () => Promise<T>,
  /** Says what came of it. */
  detailOf: (result: T) => string | null = () => null,
): Promise<T> {
  const at = new Date().toISOString();
  const asked: AuditEntry = {
    ...{ kind: 'audit', id: `${at}-${randomBytes(3).toString('hex')}`, at, by, via, action },
    subject: subject && cutReason(subject),
    reason: reason && cutReason(reason),
    ...{ outcome: 'asked', detail: null },
  };
  let isMissing = false;
  const write = async (entry: AuditEntry) => {
    const written = writeStates(kafka, stream, [entry]).then(
      () => undefined,
      (error: unknown) => errorMessage(error),
    );
    const fault = (await within(WRITE_MS, written)) ? await written : 'Kafka is slow';
    if (fault === undefined || isMissing) return;
    isMissing = true;
    onNotice(`this is not in the audit of stream ${stream.name}: ${fault}`);
  };
  await write(asked);
  let result: T;
  try {
    result = await act();
  } catch (error) {
    await write({ ...asked, outcome: 'failed', detail: cutReason(errorMessage(error)) });
    throw error;
  }
  await write({ ...asked, outcome: 'done', detail: detailOf(result) });
  return result;
}
