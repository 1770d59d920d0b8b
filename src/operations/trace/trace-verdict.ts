import { describePosition, type RecordPosition } from '../../domain/record/record';
import type { DeadLetterEntry } from '../dead-letters/dead-letters';
import { positionOf } from '../replay/replay-letters';
import type { TracedRun } from './trace-runs';

/**
 * The fate of a record, or of a message:
 * - `running`: a workflow is open.
 * - `stuck`: a workflow is open, and its workflow task fails again and again.
 * - `failed`: the workflow ended without a dead letter.
 * - `missing`: a workflow delivered it, and the sink does not hold it.
 * - `filtered`: the stream filters it out, because its `onNull`, `accept` or `filter` says so.
 * - `unknown`: no source that was searched says anything about it.
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

/** A dead letter of the traced message or record. */
export interface TracedLetter extends DeadLetterEntry {
  /**
   * Whether the letter is of another log of the topic: its timestamp or digest is not that of the record there
   * now.
   */
  otherLog: boolean;
}

/**
 * The verdict on one record from its own runs, the chunk that holds it, and its dead letters. Only runs and
 * letters of the log that is asked for count: by default the topic's present log.
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
  // An invalid record that has become valid continues in a workflow of its own, whose run decides.
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

/**
 * The verdict on a message from all of its records: the first of `order` that a record has. So one delivered
 * record is enough, unless a run is open.
 */
export function messageVerdict(records: Verdict[]): Verdict {
  const order: Verdict[] = ['stuck', 'running', 'delivered', 'dead-lettered', 'failed', 'filtered'];
  return order.find((one) => records.includes(one)) ?? 'unknown';
}
