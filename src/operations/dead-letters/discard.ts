import type { Kafka } from '../../kafka/kafka';
import type { AnyStream } from '../../domain/stream/stream';
import { describePosition } from '../../domain/record/record';
import type { ListedLetter } from './dead-letters-list';
import { writeStates } from './letter-states';
import { cutReason, type Disposition } from './state-entries';

/** Decides about letters: `discarded` closes them, so that no replay takes them; `open` takes that back. */
export async function decideLetters(
  kafka: Kafka,
  stream: AnyStream,
  letters: ListedLetter[],
  decision: Pick<Disposition, 'status' | 'by' | 'reason'>,
): Promise<void> {
  const at = new Date().toISOString();
  const reason = decision.reason === null ? null : cutReason(decision.reason);
  const entries = letters.map(({ deadLetter, runId }): Disposition => {
    const letter = describePosition(deadLetter);
    return { kind: 'disposition', letter, runId, at, ...decision, reason };
  });
  await writeStates(kafka, stream, entries);
}
