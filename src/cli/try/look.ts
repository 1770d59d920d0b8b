import type { Client } from '@temporalio/client';
import type { Kafka } from '../../kafka/kafka';
import type { RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { reconcile } from '../../operations/reconcile/reconcile';
import { streamStatus } from '../../operations/status/status';
import { trace } from '../../operations/trace/trace';
import { TRIED_PAYMENTS } from '../../reference/try/tried-payments';
import { faultsOf, seenMessage, type SeenMessage } from './judge';

export interface Seen {
  messages: SeenMessage[];
  /** What is not as it must be. */
  faults: string[];
  /** Whether no record and no workflow is under way. */
  idle: boolean;
}

/** Asks Kafka, Temporal and the sink what became of the messages, by the operations behind the commands. */
export async function look(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
  places: RecordPosition[],
): Promise<Seen> {
  const status = await streamStatus(kafka, client, stream);
  const messages: SeenMessage[] = [];
  for (const [index, record] of places.entries()) {
    const found = await trace(kafka, client, [stream], { record }, { scan: false });
    const { id } = TRIED_PAYMENTS[index]!.payment;
    messages.push(seenMessage(record, found.messageId ?? id, found.streams[0]!, status));
  }
  const report = await reconcile(kafka, client, stream);
  const faults = faultsOf(messages, status, report);
  return { messages, faults, idle: status.lag === 0 && status.running === 0 };
}
