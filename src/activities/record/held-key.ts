import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import type { RecordReader } from '../../kafka/reader';
import type { Holds } from '../../temporal/hold';
import { DeliveryError, errorWithCause } from '../../domain/errors';
import { HEAD_OF_KEY, HELD_BY_KEY, recordMark, turnOf } from '../../domain/stream/hold';
import { keyHash } from '../../domain/workflow/key-hash';
import {
  decodeContent,
  describePosition,
  type RecordEnvelope,
  type RecordInput,
} from '../../domain/record/record';
import type { AttemptDetails } from '../../domain/workflow/failure';
import { originalRecord } from '../attempt/original-record';

/** A head that is to be delivered; `delivered` tells its key that it is. */
export interface HeadTurn {
  delivered(): Promise<void>;
}

/**
 * Throws unless the record may be delivered now, as its key is not held, or as it is the key's head.
 *
 * Why no record passes a dead one of its key: the next record of a key starts, or is delivered, only when the
 * one before it has ended (docs/guides/ordering.md), and a dead one has held its key before it ends. So whoever
 * delivers the next one finds the key held, and the next one, dead-lettered for that, is held before it ends
 * as well.
 */
export async function takeTurn(
  holds: Pick<Holds, 'heads' | 'delivered'>,
  record: RecordInput,
): Promise<HeadTurn | undefined> {
  const content = decodeContent(record);
  const hash = content && keyHash('key', content);
  if (hash === undefined) return undefined;
  const heads = await holds.heads(record).catch((error: unknown) => {
    throw failed('could not ask whether its key is held', error);
  });
  const head = heads.get(hash);
  if (!head) return undefined;
  const turn = turnOf(head, { ...record, value: content!.value });
  if (turn === 'delivered') return undefined;
  const [offset, mark] = head;
  if (turn === 'behind') {
    const place = describePosition({ ...record, offset });
    throw refusal(HELD_BY_KEY, `its key is held: the record ${place} before it is dead-lettered`);
  }
  // What the key is told has to be taken up in a workflow task, and a local activity keeps one busy.
  if (activityInfo().isLocal) throw refusal(HEAD_OF_KEY, 'the first record of a held key');
  return {
    delivered: () =>
      holds.delivered(record, [hash, [record.offset, mark]]).catch((error: unknown) => {
        throw failed('it is at the sink, and its key could not be told', error);
      }),
  };
}

/** Holds the key of a record that is about to be dead-lettered. */
export async function holdKey(
  holds: Pick<Holds, 'hold'>,
  reader: Pick<RecordReader, 'read'>,
  record: RecordEnvelope & { messageId?: string },
): Promise<void> {
  const original = await originalRecord(reader, record);
  const hash = original && keyHash('key', original);
  if (hash === undefined) return;
  const mark = recordMark(record.messageId, original!.value);
  await holds.hold(record, [hash, [record.offset, mark]]);
}

function failed(what: string, error: unknown): DeliveryError {
  return new DeliveryError('Transient', `${what}: ${errorWithCause(error)}`, { cause: error });
}

/** The record was not tried at the sink. */
export function isRefusal(error: unknown): boolean {
  return (
    error instanceof ApplicationFailure &&
    (error.type === HELD_BY_KEY || error.type === HEAD_OF_KEY)
  );
}

function refusal(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: type === HELD_BY_KEY,
    details: [{ attempt: activityInfo().attempt - 1 } satisfies AttemptDetails],
  });
}
