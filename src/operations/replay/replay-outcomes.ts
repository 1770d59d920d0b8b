import { UsageError } from '../../domain/errors';
import { stateTopic } from '../../domain/stream/state-topic';
import type { AnyStream } from '../../domain/stream/stream';
import type { ReplayOutcome, UnderWay, RecordEnd } from '../../domain/stream/replay';
import type { Kafka } from '../../kafka/kafka';
import type { RecordReader } from '../../kafka/reader';
import { entryOfRecord } from '../dead-letters/state-entries';
import { readTopic, topicRanges } from '../topic/read-topic';

/** What a replay did with one letter. */
export interface LetterOutcome {
  /** The letter by its position, `<topic>/<partition>@<offset>`. */
  letter: string;
  /** When it was done, ISO 8601. */
  at: string;
  outcome: ReplayOutcome;
  reason: string | null;
  /** How the record ended; null if nobody has waited for it. */
  end: RecordEnd | null;
  /** The run or position that takes care of the record. */
  underWay: UnderWay | null;
}

export interface OutcomesPage {
  /** The last one first. */
  outcomes: LetterOutcome[];
  /** Where the next page begins; null if nothing is left. */
  next: string | null;
}

export interface OutcomesOptions {
  /** Only letters with one of these outcomes. Default: all. */
  outcomes?: readonly ReplayOutcome[] | undefined;
  /** Where the page begins: `next` of the page before. Default: at the end. */
  cursor?: string | undefined;
  /** The offset of the replay's last entry, if the replay has ended. Nothing of it lies behind. */
  last?: number | undefined;
  limit: number;
}

/** Records that are read at once. */
const BLOCK = 1_000;
/** Records that are read for one page at the most. Each letter has up to four. */
const MAX_READ = 20_000;

/**
 * Lists what a replay did with each letter. It reads the state topic from its end, so it needs no read of the whole
 * topic. Throws a {@link UsageError} if the cursor is none.
 */
export async function replayOutcomes(
  kafka: Kafka,
  reader: RecordReader,
  stream: AnyStream,
  replay: string,
  { outcomes: wanted, cursor, last, limit }: OutcomesOptions,
): Promise<OutcomesPage> {
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
    throw new UsageError('the cursor is not one that a page of this replay gave');
  }
  const topic = stateTopic(stream);
  const [range] = (await topicRanges(kafka, topic)) ?? [];
  const outcomes: LetterOutcome[] = [];
  if (!range) return { outcomes, next: null };
  const seen = new Set<string>();
  const from = cursor === undefined ? (last ?? range.high) : Number(cursor);
  let end = Math.min(from, range.high);
  for (let read = 0; end > range.low && read < MAX_READ; read += BLOCK) {
    const low = Math.max(range.low, end - BLOCK);
    const block: [offset: number, outcome: LetterOutcome][] = [];
    for await (const record of readTopic(kafka, reader, topic, [{ ...range, low, high: end }])) {
      const entry = entryOfRecord(record);
      if (entry?.kind !== 'progress' || entry.replay !== replay || !entry.result) continue;
      const { outcome, reason = null, end: ended = null, underWay = null } = entry.result;
      const { letter, at } = entry;
      block.push([record.offset, { letter, at, outcome, reason, end: ended, underWay }]);
    }
    for (const [offset, outcome] of block.reverse()) {
      // An older entry of a letter does not count, also if the newer one is not wanted.
      if (seen.has(outcome.letter)) continue;
      seen.add(outcome.letter);
      if (!(wanted?.includes(outcome.outcome) ?? true)) continue;
      if (outcomes.length === limit) return { outcomes, next: String(offset + 1) };
      outcomes.push(outcome);
    }
    end = low;
  }
  return { outcomes, next: end > range.low ? String(end) : null };
}
