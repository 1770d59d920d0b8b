import { DeliveryError } from '../../../src/domain/errors';
import type { Sink, SinkRecord, WriteContext } from '../../../src/domain/stream/sink';

type Behaviour = (record: SinkRecord, context: WriteContext) => void | Promise<void>;

/** A conditional sink in memory that lists the attempts. */
export class MemorySink implements Sink {
  /** The values by message id. */
  readonly objects = new Map<string, Buffer>();
  /** All attempts, in order. */
  readonly attempts: SinkRecord[] = [];
  /** Runs before each write. It throws to make the attempt fail. */
  before: Behaviour = () => undefined;

  async write(record: SinkRecord, context: WriteContext) {
    this.attempts.push(record);
    await this.before(record, context);
    const held = this.objects.get(record.messageId);
    if (!held) {
      this.objects.set(record.messageId, record.value);
      return { outcome: 'written' as const };
    }
    if (held.equals(record.value)) return { outcome: 'duplicate' as const };
    throw new DeliveryError('ContentConflict', 'other content under this id');
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
  async *stored() {
    yield* this.objects.values();
  }

  attemptsOf(messageId: string): number {
    return this.attempts.filter((record) => record.messageId === messageId).length;
  }
}
