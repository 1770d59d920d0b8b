import * as fc from 'fast-check';
import type { IdempotencyStats } from '../../src/dedupe/idempotency-service';
import { InMemoryIdempotencyService } from '../../src/dedupe/in-memory-idempotency-service';

/** The rules in their simplest form: two lists, oldest first, each searched from end to end. */
class Model {
  marks: { key: string; at: number }[] = [];
  locks: { key: string; owner: string; at: number }[] = [];
  counters = { checked: 0, duplicates: 0, evicted: 0, expired: 0, lockWaits: 0, expiredLocks: 0 };
  now = 0;

  constructor(
    readonly retentionMs: number,
    readonly maxEntries: number,
    readonly lockTimeoutMs: number,
  ) {}

  isProcessed(key: string): boolean {
    this.counters.checked++;
    this.#expireMarks((mark) => mark.key === key);
    const processed = this.marks.some((mark) => mark.key === key);
    if (processed) this.counters.duplicates++;
    return processed;
  }

  markProcessed(key: string): void {
    this.#expireLocks((lock) => lock.key === key);
    this.locks = this.locks.filter((lock) => lock.key !== key);
    this.marks = this.marks.filter((mark) => mark.key !== key);
    this.marks.push({ key, at: this.now });
    if (this.marks.length <= this.maxEntries) return;
    this.#expireMarks((mark) => mark === this.marks[0]);
    if (this.marks.length <= this.maxEntries) return;
    this.marks.shift();
    this.counters.evicted++;
  }

  tryAcquireLock(key: string, owner: string): boolean {
    this.#expireLocks((lock) => lock.key === key);
    if (this.locks.some((lock) => lock.key === key && lock.owner !== owner)) {
      this.counters.lockWaits++;
      return false;
    }
    this.locks = this.locks.filter((lock) => lock.key !== key);
    this.locks.push({ key, owner, at: this.now });
    return true;
  }

  releaseLock(key: string, owner: string): boolean {
    this.#expireLocks((lock) => lock.key === key);
    const held = this.locks.length;
    this.locks = this.locks.filter((lock) => lock.key !== key || lock.owner !== owner);
    return this.locks.length < held;
  }

  cleanUp(): void {
    this.#expireMarks(() => true);
    this.#expireLocks(() => true);
  }

  stats(): IdempotencyStats {
    return { size: this.marks.length, locks: this.locks.length, ...this.counters };
  }

  #expireMarks(which: (mark: { key: string; at: number }) => boolean): void {
    const kept = this.marks.filter((m) => !which(m) || this.now - m.at <= this.retentionMs);
    this.counters.expired += this.marks.length - kept.length;
    this.marks = kept;
  }

  #expireLocks(which: (lock: { key: string; at: number }) => boolean): void {
    const kept = this.locks.filter((l) => !which(l) || this.now - l.at < this.lockTimeoutMs);
    this.counters.expiredLocks += this.locks.length - kept.length;
    this.locks = kept;
  }
}

const CLEANUP_INTERVAL_MS = 1_000;

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const owner = fc.constantFrom('one', 'two', 'three');
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('mark' as const), key }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('isProcessed' as const), key }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('acquire' as const), key, owner }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('release' as const), key, owner }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('advance' as const),
      ms: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cleanUp' as const) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function apply(step: Operation, target: Model | InMemoryIdempotencyService): boolean | void {
  switch (step.type) {
    case 'mark':
      return target.markProcessed(step.key);
    case 'isProcessed':
      return target.isProcessed(step.key);
    case 'acquire':
      return target.tryAcquireLock(step.key, step.owner);
    case 'release':
      return target.releaseLock(step.key, step.owner);
    case 'advance':
    case 'cleanUp':
      return;
  }
}

const settings = fc.record({
  retentionMs: fc.integer({ min: 1, max: 100 }),
  maxEntries: fc.integer({ min: 1, max: 6 }),
  lockTimeoutMs: fc.integer({ min: 1, max: 60 }),
});

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test("every answer and every counter equals the model's after any operations in any order", () => {
  const steps = fc.array(operation, { maxLength: 200, size: 'max' });
  fc.assert(
    fc.property(settings, steps, ({ retentionMs, maxEntries, lockTimeoutMs }, sequence) => {
      const model = new Model(retentionMs, maxEntries, lockTimeoutMs);
      const service = new InMemoryIdempotencyService(
        { retentionMs, maxEntries, lockTimeoutMs, cleanupIntervalMs: CLEANUP_INTERVAL_MS },
        { now: () => model.now },
      );
      try {
        for (const step of sequence) {
          if (step.type === 'advance') model.now += step.ms;
          if (step.type === 'cleanUp') {
            model.cleanUp();
            jest.advanceTimersByTime(CLEANUP_INTERVAL_MS);
          }
          expect(apply(step, service)).toBe(apply(step, model));
          expect(service.stats()).toEqual(model.stats());
        }
      } finally {
        service.close();
      }
    }),
    { numRuns: 300 },
  );
});
