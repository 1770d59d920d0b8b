import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import type { RecordReader } from '../../kafka/reader';
import type { Holds } from '../../temporal/hold';
import { DeliveryError, errorWithCause } from '../../domain/errors';
import { HEAD_OF_KEY, HELD_BY_KEY, recordMark, turnOf } from '../../domain/stream/hold';
import { keyHash } from '../../domain/workflow/key-hash';
import { decodeContent, describePosition, type RecordInput } from '../../domain/record/record';
import type { AttemptDetails } from '../../domain/workflow/failure';
import { originalRecord } from '../attempt/original-record';
import { FREE_PERMIT, type DeliveryGuard, type HeldKeys, type Permit } from './delivery-guard';

/**
 * The guard of a stream that holds a key after a dead letter. A record may be delivered if its key is not held, or
 * if the record is the key's head.
 *
 * No record passes a dead record of its key:
 * 1. The next record of a key starts, or is delivered, only when the one before it has ended
 *    (docs/guides/ordering.md).
 * 2. A dead record has held its key before it ends. So whoever delivers the next record finds the key held.
 * 3. The next record is dead-lettered for that, and so is held before it ends as well.
 */
export class HoldGuard implements DeliveryGuard {
  constructor(
    private readonly holds: Pick<Holds, 'heads' | 'hold' | 'delivered'>,
    private readonly reader: Pick<RecordReader, 'read'>,
  ) {}

  async before(record: RecordInput): Promise<Permit> {
    const content = decodeContent(record);
    const hash = content && keyHash('key', content);
    if (hash === undefined) return FREE_PERMIT;
    const heads = await this.holds.heads(record).catch((error: unknown) => {
      throw failed('could not ask whether its key is held', error);
    });
    const head = heads.get(hash);
    if (!head) return FREE_PERMIT;
    const turn = turnOf(head, { ...record, value: content!.value });
    if (turn === 'delivered') return FREE_PERMIT;
    const [offset, mark] = head;
    if (turn === 'behind') {
      const place = describePosition({ ...record, offset });
      throw refusal(HELD_BY_KEY, `its key is held: the record ${place} before it is dead-lettered`);
    }
    // The key's workflow needs a workflow task to accept the report, and a local activity keeps a workflow task busy.
    if (activityInfo().isLocal) throw refusal(HEAD_OF_KEY, 'the first record of a held key');
    return {
      afterDelivered: () =>
        this.holds.delivered(record, [hash, [record.offset, mark]]).catch((error: unknown) => {
          throw failed('it is at the sink, and its key could not be told', error);
        }),
    };
  }

  isRefusal(error: unknown): boolean {
    return (
      error instanceof ApplicationFailure &&
      (error.type === HELD_BY_KEY || error.type === HEAD_OF_KEY)
    );
  }

  /** Holds the record's key. A record whose content nobody has any more holds nothing: its key is not known. */
  async beforeDeadLetter(record: Parameters<DeliveryGuard['beforeDeadLetter']>[0]): Promise<void> {
    const original = await originalRecord(this.reader, record);
    const hash = original && keyHash('key', original);
    if (hash === undefined) return;
    const mark = recordMark(record.messageId, original!.value);
    await this.holds.hold(record, [hash, [record.offset, mark]]);
  }

  async heldKeys(place: Parameters<DeliveryGuard['heldKeys']>[0]): Promise<HeldKeys> {
    const heads = await this.holds.heads(place);
    return (keyHash, offset) => {
      const head = heads.get(keyHash);
      // A record with a lower offset than the head had ended before the head was dead-lettered. If this process still
      // has such a record, another process has delivered it.
      return head !== undefined && offset >= head[0];
    };
  }
}

function failed(what: string, error: unknown): DeliveryError {
  return new DeliveryError('Transient', `${what}: ${errorWithCause(error)}`, { cause: error });
}

function refusal(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: type === HELD_BY_KEY,
    details: [{ attempt: activityInfo().attempt - 1 } satisfies AttemptDetails],
  });
}
