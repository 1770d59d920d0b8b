import { describePosition, type RecordPosition } from '../../domain/record/record';
import type { DeadLetterEntry } from '../dead-letters/dead-letters';
import { positionOf } from '../replay/replay-letters';
import type { TracedRun } from './trace-runs';

/**
 * What became of a record, or of a message. `stuck`: a workflow is at it and its workflow task fails again and
 * again; `failed`: its workflow ended without a dead letter; `missing`:
 * a workflow delivered it, and the sink does not hold it; `filtered`: the stream passes it by, as its `onNull` is
 * `skip`; `unknown`: nothing that was looked at says.
 */
export type Verdict =
  | 'delivered'
  | 'dead-lettered'
  | 'running'
  | 'stuck'
  | 'failed'
  | 'missing'
  | 'filtered'
  | 'unknown';

/** A dead letter of what is traced. */
export interface TracedLetter extends DeadLetterEntry {
  /** Whether it is of another log of the topic: its timestamp or digest is not that of the record there now. */
  otherLog: boolean;
}

/**
 * By the record's own runs, the chunk that holds it, and its dead letters. Only those count that are of the log which
 * is asked for: by default the one that the topic has now.
 */
export function recordVerdict(
  position: RecordPosition,
  runs: TracedRun[],
  chunk: TracedRun | undefined,
  letters: TracedLetter[],
  isFiltered = false,
  otherLog = false,
): Exclude<Verdict, 'missing'> {
  const name = describePosition(position);
  const isHere = (place: RecordPosition | undefined) =>
    place !== undefined && describePosition(place) === name;
  // An invalid record that has become valid goes on in a workflow of its own, which tells.
  const own = runs.filter(
    (run) => isHere(place(run)) && run.outcome !== 'revalidated' && run.otherLog === otherLog,
  );
  const isDead = letters.some(
    (letter) => isHere(positionOf(letter)) && letter.otherLog === otherLog,
  );
  const open = own.find(({ status }) => status === 'Running');
  if (open) return open.stuck ? 'stuck' : 'running';
  const last = own.at(-1);
  if (last?.status === 'Completed') return last.outcome === 'filtered' ? 'filtered' : 'delivered';
  if (isDead) return 'dead-lettered';
  if (last) return 'failed';
  if (isFiltered) return 'filtered';
  if (chunk?.otherLog !== otherLog) return 'unknown';
  if (chunk.status === 'Running') return chunk.stuck ? 'stuck' : 'running';
  return chunk.status === 'Completed' ? 'delivered' : 'failed';
}

function place({ topic, partition, offset }: TracedRun): RecordPosition | undefined {
  return topic === null || partition === null || offset === null
    ? undefined
    : { topic, partition, offset };
}

/** Of all records of a message together: one that is delivered is enough. */
export function messageVerdict(records: Verdict[]): Verdict {
  const order: Verdict[] = ['stuck', 'running', 'delivered', 'dead-lettered', 'failed', 'filtered'];
  return order.find((one) => records.includes(one)) ?? 'unknown';
}
