import { isDeepStrictEqual } from 'node:util';
import { shortened, summarized, type CorpusCase, type ExpectedRecord } from '../case-file';
import type { BrokerCase, Capture } from './broker-cases';
import { REFUSED, type BuiltCase } from './built-cases';
import type { LineProcess } from './line-process';
import { rawFetch, type Fetched } from './raw-fetch';
import { base64 } from './step';

export interface NamedCase {
  name: string;
  bytes: Buffer;
  content: CorpusCase;
}

type Isolation = CorpusCase['isolation'];
/** The answer of the oracle. */
interface Read {
  records: ExpectedRecord[];
  position: string;
  refused?: string;
}

const ALL = 50_000_000;

/** Fetches a topic in its present state. Each fetch becomes a case. */
export async function capture(
  { about, script, captures = [{}] }: BrokerCase,
  port: number,
  oracle: LineProcess,
): Promise<NamedCase[]> {
  const writers = [...new Set(script.rounds.flat().map(({ writer }) => writer))];
  const made: NamedCase[] = [];
  for (const one of captures) {
    const name = one.suffix ? `${script.topic}-${one.suffix}` : script.topic;
    const fetches = await fetchAll(script.topic, one, port, oracle);
    fetches.forEach(({ bytes, ...content }, index) =>
      made.push({
        name: index === 0 ? name : `${name}-fetch-${index + 1}`,
        bytes,
        content: { about, writers, ...content },
      }),
    );
  }
  return made;
}

type Fetch = Omit<CorpusCase, 'about' | 'writers'> & { bytes: Buffer };

async function fetchAll(
  topic: string,
  { offset, isolation = 'read_committed', cut }: Capture,
  port: number,
  oracle: LineProcess,
): Promise<Fetch[]> {
  const fetchAt = (at: bigint, maxBytes = ALL) =>
    rawFetch({ port, topic, isolation, offset: at, maxBytes });
  const brokers = `127.0.0.1:${port}`;
  const beginning = await oracle.ask<{ offset: string }>({ do: 'beginning', brokers, topic });
  const start = BigInt(offset ?? beginning.offset);
  const whole = await fetchAt(start);
  if (cut) {
    const maxBytes = sizeOfBatches(whole.bytes, cut.batches) + cut.bytes;
    return [(await judged(await fetchAt(start, maxBytes), start, isolation, oracle)).fetch];
  }
  const end = isolation === 'read_committed' ? whole.lastStableOffset : whole.highWatermark;
  const fetches: Fetch[] = [];
  const read: Record<Isolation, ExpectedRecord[]> = { read_committed: [], read_uncommitted: [] };
  let next = start;
  do {
    const { fetch, committed, uncommitted } = await judged(
      await fetchAt(next),
      next,
      isolation,
      oracle,
    );
    fetches.push(fetch);
    for (const record of committed.records) read.read_committed.push(record);
    for (const record of uncommitted.records) read.read_uncommitted.push(record);
    next = BigInt(fetch.nextOffset);
  } while (next < end);
  for (const level of ['read_committed', 'read_uncommitted'] as const) {
    if (level === 'read_committed' && isolation === 'read_uncommitted') continue;
    const consumed = await oracle.ask<Read>({
      ...{ do: 'consume', brokers, topic, isolation: level, offset: `${start}` },
      until: `${level === isolation ? end : whole.highWatermark}`,
    });
    // A reader of committed records sees nothing after the start of an open transaction.
    const seen = consumed.records.filter((record) => BigInt(record.offset) < end);
    if (!isDeepStrictEqual(seen, read[level])) {
      throw new Error(`${topic}: Kafka's consumer and its decoder differ with ${level}`);
    }
    if (level === isolation && BigInt(consumed.position) !== next) {
      throw new Error(
        `${topic}: Kafka's consumer ends at ${consumed.position}, its decoder at ${next}`,
      );
    }
  }
  return fetches;
}

function sizeOfBatches(bytes: Buffer, count: number): number {
  let at = 0;
  for (let n = 0; n < count; n++) at += 12 + bytes.readInt32BE(at + 8);
  return at;
}

/** Decodes bytes with Kafka's own decoder, with both isolation levels. */
async function judged(fetched: Fetched, offset: bigint, isolation: Isolation, oracle: LineProcess) {
  const { bytes, ...more } = fetched;
  const abortedTransactions = more.abortedTransactions.map(({ producerId, firstOffset }) => ({
    producerId: `${producerId}`,
    firstOffset: `${firstOffset}`,
  }));
  const decode = (level: Isolation) =>
    oracle.ask<Read>({
      ...{ do: 'decode', bytes: base64(bytes), offset: `${offset}`, isolation: level },
      aborted: abortedTransactions,
    });
  const uncommitted = await decode('read_uncommitted');
  const committed = isolation === 'read_committed' ? await decode(isolation) : uncommitted;
  if (committed.position !== uncommitted.position || committed.refused !== uncommitted.refused) {
    throw new Error('the isolation levels end at different offsets');
  }
  const shown = new Set(committed.records.map((record) => record.offset));
  const records = uncommitted.records.map((record) => ({
    ...record,
    value: shortened(record.value === null ? null : Buffer.from(record.value, 'base64')),
    ...(shown.has(record.offset) ? {} : { aborted: true as const }),
  }));
  const fetch: Fetch = {
    bytes,
    fetchOffset: `${offset}`,
    isolation,
    highWatermark: `${more.highWatermark}`,
    lastStableOffset: `${more.lastStableOffset}`,
    logStartOffset: `${more.logStartOffset}`,
    abortedTransactions,
    records: summarized(records),
    nextOffset: committed.position,
    ...(committed.refused !== undefined && { refused: committed.refused }),
  };
  return { fetch, committed, uncommitted };
}

/** Makes a case without a broker. The log ends with the last batch. */
export async function captureBuilt(one: BuiltCase, oracle: LineProcess): Promise<NamedCase> {
  const parts: Buffer[] = [];
  for (const batch of one.batches) {
    const built = await oracle.ask<{ bytes: string }>({ do: 'build', codec: 'none', ...batch });
    parts.push(Buffer.from(built.bytes, 'base64'));
  }
  const whole = Buffer.concat(parts);
  const bytes = one.spoil?.(whole) ?? whole;
  const offset = BigInt(one.offset ?? one.batches[0]?.baseOffset ?? 0);
  const end = await oracle.ask<Read>({
    ...{ do: 'decode', bytes: base64(Buffer.concat(parts)), offset: `${offset}` },
    isolation: 'read_uncommitted',
  });
  const fetched: Fetched = {
    bytes,
    highWatermark: BigInt(end.position),
    lastStableOffset: BigInt(end.position),
    logStartOffset: 0n,
    abortedTransactions: (one.aborted ?? []).map(({ producerId, firstOffset }) => ({
      producerId: BigInt(producerId),
      firstOffset: BigInt(firstOffset),
    })),
  };
  const { fetch } = await judged(fetched, offset, 'read_committed', oracle);
  const { bytes: raw, ...content } = fetch;
  if (content.refused !== undefined && Array.isArray(content.records)) {
    // Kafka's consumer returns the records of a batch that lie before the fault.
    const refused = one.batches[REFUSED]!.baseOffset!;
    content.records = content.records.filter(({ offset }) => Number(offset) < refused);
    content.nextOffset = `${refused}`;
  }
  return {
    name: `built-${one.name}`,
    bytes: raw,
    content: { about: one.about, writers: ['built'], ...content },
  };
}
