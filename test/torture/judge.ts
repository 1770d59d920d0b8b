import type { JournalEntry } from './journal';
import type { Sending } from './ledger';
import type { Fate } from './messages';
import type { TortureOptions } from './options';

export interface Placed {
  partition: number;
  offset: number;
}

/** The records of a stream's topic, and what was found at its sink and in its dead letters. */
export interface Observed {
  lane: 'record' | 'chunk';
  appendOnly: boolean;
  /** The expected end of each content that may be on the topic. */
  fates: ReadonlyMap<string, Fate>;
  records: (Placed & { content: string })[];
  /** The contents at the sink, one entry for each copy. */
  stored: string[];
  /** The dead letters with the positions of their records, repeated letters included. */
  letters: (Placed & { content: string; errorType: string | undefined })[];
}

export interface Verdict {
  records: number;
  /** The number of message ids with a content at the sink. */
  delivered: number;
  /** The number of records with a dead letter. */
  deadLettered: number;
  /** Contents that are neither at the sink nor in the dead letters where they should be. */
  missing: string[];
  /** Message ids that are more than once at the sink. */
  double: string[];
  /** Objects and dead letters that should not exist. */
  unexpected: string[];
  /** The number of further dead letters of a record. They are allowed: the guarantee is "at least once". */
  repeatedLetters: number;
}

/** Checks the end of each record on a stream's topic. */
export function judgeStream(observed: Observed): Verdict {
  const { records, letters, stored, fates, appendOnly } = observed;
  const missing: string[] = [];
  const double: string[] = [];
  const unexpected: string[] = [];
  const copies = counted(stored);
  const places = grouped(records, ({ content }) => content);
  const lettersAt = grouped(letters, placeName);
  /** The positions of records that must be dead-lettered, with the reason. */
  const due = new Map<string, string>();
  const contentAt = new Map(records.map((one) => [placeName(one), one.content]));
  const contentsOf = new Map<string, string[]>();
  for (const [content, at] of places) {
    const fate = fates.get(content);
    if (!fate) unexpected.push(`${placeName(at[0]!)} holds a record that nobody has sent`);
    else if (isDeliverable(fate, observed)) {
      contentsOf.set(fate.id!, [...(contentsOf.get(fate.id!) ?? []), content]);
    } else for (const place of at) due.set(placeName(place), (fate as { invalid: string }).invalid);
  }

  let delivered = 0;
  for (const [id, contents] of contentsOf) {
    const atSink = contents.filter((content) => copies.has(content));
    if (atSink.length > 0) delivered++;
    else missing.push(`${JSON.stringify(id)}: not at the sink, at ${placesOf(contents, places)}`);
    const count = atSink.reduce((sum, content) => sum + copies.get(content)!, 0);
    if (appendOnly) {
      if (count > contents.length) double.push(id);
      const lost = contents.filter((content) => !copies.has(content));
      if (atSink.length > 0 && lost.length > 0) {
        missing.push(`${JSON.stringify(id)}: a content of it, at ${placesOf(lost, places)}`);
      }
      continue;
    }
    if (count > 1) double.push(id);
    if (atSink.length === 0) continue;
    // The first content at the sink wins. Every record with another content is a conflict.
    for (const content of contents.filter((one) => one !== atSink[0])) {
      for (const place of places.get(content)!) due.set(placeName(place), 'ContentConflict');
    }
  }
  for (const content of copies.keys()) {
    if (!places.has(content))
      unexpected.push(`the sink holds ${content}, which is not on the topic`);
    else if (!isDeliverable(fates.get(content)!, observed)) {
      unexpected.push(`the sink holds the invalid record at ${placesOf([content], places)}`);
    }
  }

  for (const [place, reason] of due) {
    const types = (lettersAt.get(place) ?? []).map(({ errorType }) => errorType);
    if (types.length === 0) missing.push(`${place}: no dead letter, ${reason} is due`);
    else if (types.some((type) => type !== reason)) {
      unexpected.push(`${place}: dead-lettered as ${types.join(', ')}, ${reason} is due`);
    }
  }
  for (const [place, found] of lettersAt) {
    if (found.some(({ content }) => content !== contentAt.get(place))) {
      unexpected.push(`${place}: its dead letter has another content`);
    }
    if (due.has(place)) continue;
    unexpected.push(`${place}: dead-lettered as ${found.map((one) => one.errorType).join(', ')}`);
  }
  return {
    records: records.length,
    delivered,
    deadLettered: lettersAt.size,
    missing,
    double,
    unexpected,
    repeatedLetters: letters.length - lettersAt.size,
  };
}

/** Compares the topic with the producer's own ledger. */
export function judgeTopic(
  sendings: Sending[],
  records: Observed['records'],
  fates: Observed['fates'],
): { lost: string[]; leaked: string[]; refused: string[]; admitted: string[] } {
  const onTopic = counted(records.map(({ content }) => content));
  const inState = (state: Sending['state']) =>
    counted(sendings.filter((one) => one.state === state).map(({ content }) => content));
  const acknowledged = inState('acknowledged');
  const rejected = inState('rejected');
  const others = new Set(
    sendings.filter(({ state }) => state !== 'rejected').map(({ content }) => content),
  );
  return {
    lost: [...acknowledged]
      .filter(([content, count]) => (onTopic.get(content) ?? 0) < count)
      .map(
        ([content, count]) =>
          `${content}: acknowledged ${count} times, ${onTopic.get(content) ?? 0} on the topic`,
      ),
    leaked: [...rejected.keys()]
      .filter((content) => onTopic.has(content) && !others.has(content))
      .map((content) => `${content}: rejected, and on the topic`),
    refused: [...rejected.keys()]
      .filter((content) => !('invalid' in fates.get(content)!))
      .map((content) => `${content}: rejected, and valid`),
    admitted: sendings
      .filter(({ via, state, content }) => {
        return via === 'api' && state === 'acknowledged' && 'invalid' in fates.get(content)!;
      })
      .map(({ content }) => `${content}: taken by the HTTP producer, and invalid`),
  };
}

/**
 * The positions where the sink received a record of a key, or of a partition, after a later one. Repeated deliveries
 * are ignored: a duplicate that layer `recent` skips at first may reach the sink after a restart.
 */
export function judgeOrder(
  journal: JournalEntry[],
  ordering: TortureOptions['ordering'],
): string[] {
  if (ordering === 'none') return [];
  const last = new Map<string, number>();
  const seen = new Set<string>();
  const faults: string[] = [];
  for (const entry of journal) {
    const place = placeName(entry);
    // Only the first delivery of a record counts for the order.
    if (entry.outcome !== 'written' || seen.has(place)) continue;
    seen.add(place);
    const { partition, key, offset } = entry;
    const line = ordering === 'key' ? `${partition} ${key}` : `${partition}`;
    const before = last.get(line) ?? -1;
    if (offset < before) faults.push(`${place} (key ${key}) came after offset ${before}`);
    else last.set(line, offset);
  }
  return faults;
}

export function placeName({ partition, offset }: Placed): string {
  return `${partition}@${offset}`;
}

function isDeliverable(fate: Fate, { lane }: Pick<Observed, 'lane'>): boolean {
  return !('invalid' in fate) || (fate.invalid === 'RecordTooLarge' && lane === 'chunk');
}

function placesOf(contents: string[], places: Map<string, Placed[]>): string {
  return contents.flatMap((content) => places.get(content)!.map(placeName)).join(', ');
}

function counted(list: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of list) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

function grouped<T>(list: T[], by: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) {
    const group = groups.get(by(one));
    if (group) group.push(one);
    else groups.set(by(one), [one]);
  }
  return groups;
}
