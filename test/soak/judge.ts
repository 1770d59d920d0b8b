/** The end of a record, as far as its writer knows. */
export type Fate = 'committed' | 'aborted' | 'unknown';

export interface Evidence {
  /** The records that Kafka's console consumer shows with `read_committed`, by message id. */
  shown: Map<string, { partition: number; offset: number; value: string }>;
  /** The values at the sink, by message id. */
  delivered: Map<string, string>;
  /** The writes that the sink has answered. */
  journal: { messageId: string; partition: number; offset: number; outcome: string }[];
  fates: Map<string, Fate>;
  /** Whether the topic is compacted, so that Kafka may have removed records that it showed before. */
  compacted: boolean;
}

/**
 * Compares a topic with its stream's sink.
 *
 * If the topic keeps its records, the sink must have exactly the records that the console consumer shows. For a
 * recreated topic, `shown` has the records of each topic of that name before it was deleted.
 *
 * A compacted topic shows the latest record of each key. Each shown record must be at the sink. Every other record
 * at the sink was overwritten since: its producer must have committed it, or not know whether it did.
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
    // A plain producer may write a record twice when it retries. `shown` has the first one.
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
