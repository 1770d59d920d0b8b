import { mapConcurrently } from '../../lib/concurrently';
import { errorWithCause } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import { CONCURRENCY } from '../runs/failed-runs';
import type { Decision } from './replay-decide';
import type { Letter } from './replay-letters';

/**
 * Refuses to send back a record that the sink already holds with the same content. Such a record was delivered in
 * a way that no log mentions, and its workflow is gone. If the sink can't look objects up, it decides at the
 * delivery. If the stream holds keys, the sink is not asked, because only a delivery releases a key.
 */
export async function leaveOutDelivered(
  { sink, afterDeadLetter }: Pick<AnyStream, 'sink' | 'afterDeadLetter'>,
  decisions: Map<Letter, Decision>,
  onNotice: (text: string) => void,
): Promise<void> {
  if (!sink.find || afterDeadLetter === 'hold') return;
  const sends = [...decisions].flatMap(([letter, { action }]) =>
    action === 'send' && letter.messageId !== null ? [[letter, letter.messageId] as const] : [],
  );
  try {
    for await (const [letter, object] of mapConcurrently(
      sends,
      CONCURRENCY,
      async ([letter, messageId]) => [letter, await sink.find!(messageId)] as const,
    )) {
      if (!object || object.sha256 !== letter.content.value) continue;
      const reason = `the sink holds it already: ${object.location}`;
      decisions.set(letter, { action: 'refuse', reason, end: 'delivered' });
    }
  } catch (error) {
    onNotice(`the sink can not be asked what it holds: ${errorWithCause(error)}`);
  }
}
