/** What became of a record, as far as its writer knows. */
export type Fate = 'committed' | 'aborted' | 'unknown';

export interface Evidence {
  /** What Kafka's console consumer shows with `read_committed`, by message id. */
  shown: Map<string, { partition: number; offset: number; value: string }>;
  /** What lies at the sink, by message id. */
  delivered: Map<string, string>;
  /** Writes that the sink has answered. */
  journal: { messageId: string; partition: number; offset: number; outcome: string }[];
  fates: Map<string, Fate>;
  /** Whether Kafka may have removed what it once showed: a compacted topic. */
  compacted: boolean;
}

/**
 * Compares a topic with its stream's sink.
 *
 * A topic that keeps its records: the sink holds exactly what the console consumer shows. The same goes for a
 * topic that is made anew: `shown` then is what was shown of each topic of that name before it was deleted.
 *
 * A compacted topic shows the latest record of each key. What it shows must be at the sink. What is at the sink
 * besides was overwritten since: some producer must have committed it, or not know whether it did.
 */
export function judge({ shown, delivered, journal, fates, compacted }: Evidence): string[] {
  const findings: string[] = [];
  for (const [id, { partition, offset, value }] of shown) {
    const content = delivered.get(id);
    if (content === undefined) findings.push(`${id} at ${partition}@${offset} is missing`);
    else if (content !== value)
      findings.push(`${id} at ${partition}@${offset} has other bytes at the sink`);
  }
  for (const id of delivered.keys()) {
    if (shown.has(id)) continue;
    const fate = fates.get(id) ?? 'never written';
    if (!compacted || fate === 'aborted' || fate === 'never written') {
      findings.push(`${id} is at the sink and was ${fate}`);
    }
  }
  const written = new Set<string>();
  for (const { messageId, partition, offset, outcome } of journal) {
    const place = shown.get(messageId);
    // A plain producer that tries again may leave a record twice; the first one is shown here.
    if (place && (partition !== place.partition || offset < place.offset)) {
      findings.push(
        `${messageId} was taken from ${partition}@${offset}, and lies at ${place.partition}@${place.offset}`,
      );
    }
    if (outcome !== 'written') continue;
    if (written.has(messageId)) findings.push(`${messageId} was written twice`);
    written.add(messageId);
  }
  for (const [id, fate] of fates) {
    if (fate === 'committed' && !compacted && !shown.has(id)) {
      findings.push(`${id} was acknowledged, and is not on the topic`);
    }
    if (fate === 'aborted' && shown.has(id)) findings.push(`${id} was aborted, and is shown`);
  }
  return findings;
}
