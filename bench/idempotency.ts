import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { InMemoryIdempotencyService } from '../src/dedupe/in-memory-idempotency-service';

/**
 * Measures the speed of the in-memory idempotency service by number of entries, and its memory when it
 * gets far more keys than it keeps. Usage: `npm run bench:idempotency [-- --json]`; takes about a minute.
 */
const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const WARM_UP_ROUNDS = 1;
const ROUNDS = 5;
const KEYS_PER_ROUND = 200_000;
const KEYS_PER_BATCH = 1_000;
const MEMORY_MAX_ENTRIES = 100_000;
const MEMORY_KEYS = 5_000_000;

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A message id and 32 hex digits, joined as in the keys of the bridge. */
function keyOf(n: number): string {
  const hash = createHash('md5').update(String(n)).digest('hex');
  return [`order-${1_000_000 + n}`, hash].join(':');
}

/** The next number that no key was made of, so that each measurement of new keys gets only new keys. */
let unused = 1_000_000_000;
const newNumber = () => unused++;

/**
 * Measures one round in thousands of operations per second. Each key is a new string whose hash V8 has not
 * computed yet, as for a record that was just parsed. Keys are made in batches before the clock starts.
 * `operation` returns a count, and the sum is checked, so that nothing can be optimised away.
 */
function round(
  nextNumber: () => number,
  operation: (key: string) => number,
  expectedSum: number,
): number {
  let elapsed = 0n;
  let sum = 0;
  for (let done = 0; done < KEYS_PER_ROUND; done += KEYS_PER_BATCH) {
    const keys = Array.from({ length: KEYS_PER_BATCH }, () => keyOf(nextNumber()));
    const started = process.hrtime.bigint();
    for (const key of keys) sum += operation(key);
    elapsed += process.hrtime.bigint() - started;
  }
  if (sum !== expectedSum) throw new Error(`wrong answers: ${sum} instead of ${expectedSum}`);
  return (KEYS_PER_ROUND / Number(elapsed)) * 1e6;
}

interface Speed {
  readonly operation: string;
  readonly entries: number;
  readonly thousandPerSecond: {
    readonly min: number;
    readonly median: number;
    readonly max: number;
  };
  readonly medianNs: number;
}

function speed(operation: string, entries: number, rates: number[]): Speed {
  const sorted = rates.slice(WARM_UP_ROUNDS).sort((a, b) => a - b);
  const [min, median, max] = [0, (ROUNDS - 1) / 2, ROUNDS - 1].map((i) => Math.round(sorted[i]!));
  const medianNs = Math.round(1e6 / median!);
  return {
    operation,
    entries,
    thousandPerSecond: { min: min!, median: median!, max: max! },
    medianNs,
  };
}

function measureSpeed(entries: number): Speed[] {
  const service = new InMemoryIdempotencyService({ maxEntries: entries });
  for (let n = 0; n < entries; n++) service.markProcessed(keyOf(n));

  let position = 0;
  const nextInOrder = () => position++ % entries;
  const random = () => Math.floor(Math.random() * entries);
  const check = (key: string) => (service.isProcessed(key) ? 1 : 0);
  const wholeRecord = (key: string) => {
    if (service.isProcessed(key) || !service.tryAcquireLock(key, 'bench')) return 0;
    service.markProcessed(key);
    return 1;
  };
  const operations: [string, () => number, (key: string) => number, number][] = [
    ['isProcessed, hit, in order', nextInOrder, check, KEYS_PER_ROUND],
    ['isProcessed, hit, random', random, check, KEYS_PER_ROUND],
    ['isProcessed, miss', newNumber, check, 0],
    // This is the last operation, because each evicts a mark that the measurement of hits needs.
    ['new record: check, lock, mark', newNumber, wholeRecord, KEYS_PER_ROUND],
  ];
  const results = operations.map(([name, nextNumber, operation, expectedSum]) => {
    process.stderr.write(`${entries} entries: ${name}\n`);
    const rates = Array.from({ length: WARM_UP_ROUNDS + ROUNDS }, () => {
      collectGarbage();
      return round(nextNumber, operation, expectedSum);
    });
    return speed(name, entries, rates);
  });
  service.close();
  return results;
}

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function measureMemory() {
  process.stderr.write(`memory: ${MEMORY_KEYS} keys\n`);
  const beforeBytes = heapBytes();
  const service = new InMemoryIdempotencyService({ maxEntries: MEMORY_MAX_ENTRIES });
  let longestMarkNs = 0n;
  const mark = (count: number) => {
    for (let i = 0; i < count; i++) {
      const key = keyOf(newNumber());
      const started = process.hrtime.bigint();
      service.markProcessed(key);
      const took = process.hrtime.bigint() - started;
      if (took > longestMarkNs) longestMarkNs = took;
    }
  };
  mark(MEMORY_MAX_ENTRIES);
  const fullBytes = heapBytes();
  mark(MEMORY_KEYS - MEMORY_MAX_ENTRIES);
  const afterBytes = heapBytes();
  const { size, evicted } = service.stats();
  service.close();
  return {
    maxEntries: MEMORY_MAX_ENTRIES,
    keysMarked: MEMORY_KEYS,
    size,
    evicted,
    heapBytes: { before: beforeBytes, full: fullBytes, after: afterBytes },
    longestMarkMs: Number(longestMarkNs) / 1e6,
  };
}

function toTable(speeds: Speed[], memory: ReturnType<typeof measureMemory>): string {
  const number = (value: number) => value.toLocaleString('en').padStart(10);
  const heading = ['entries', 'min', 'median', 'max', 'ns'].map((name) => name.padStart(10));
  const lines = [`${'thousand operations/s'.padEnd(32)}${heading.join('')}`];
  for (const { operation, entries, thousandPerSecond, medianNs } of speeds) {
    const { min, median, max } = thousandPerSecond;
    const rates = number(min) + number(median) + number(max);
    lines.push(`${operation.padEnd(32)}${number(entries)}${rates}${number(medianNs)}`);
  }
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const { before, full, after } = memory.heapBytes;
  return [
    ...lines,
    '',
    ...flatness(speeds).map(
      ({ operation, slowdown }) =>
        `${operation.padEnd(32)} takes ${slowdown} times as long with ${SIZES.at(-1)} entries as ` +
        `with ${SIZES[0]}`,
    ),
    '',
    `heap: ${megabytes(before)} empty, ${megabytes(full)} after ${memory.maxEntries} marks, ` +
      `${megabytes(after)} after ${memory.keysMarked} (${memory.size} kept, ` +
      `${memory.evicted} evicted); longest markProcessed ${memory.longestMarkMs.toFixed(1)} ms`,
  ].join('\n');
}

/** The time of an operation with the most entries, divided by its time with the fewest. */
function flatness(speeds: Speed[]) {
  const fewest = speeds.filter(({ entries }) => entries === SIZES[0]);
  return fewest.map(({ operation, medianNs }) => {
    const most = speeds.find((s) => s.operation === operation && s.entries === SIZES.at(-1))!;
    return { operation, slowdown: Number((most.medianNs / medianNs).toFixed(1)) };
  });
}

const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
const memory = measureMemory();
const speeds = SIZES.flatMap(measureSpeed);
console.log(
  process.argv.includes('--json')
    ? JSON.stringify({ machine, speeds, flatness: flatness(speeds), memory }, null, 2)
    : `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}\n\n${toTable(speeds, memory)}`,
);
