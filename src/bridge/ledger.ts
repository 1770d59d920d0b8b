/**
 * Running totals of a partition since its group first committed. They travel as metadata of the
 * committed offset: whoever owns the partition next counts on, and `cloudsync status` reads them
 * without asking any process.
 */
export const LEDGER_FIELDS = ['recent', 'workflowId', 'sink', 'retries', 'delivered'] as const;
export type LedgerField = (typeof LEDGER_FIELDS)[number];
export type LedgerTotals = Record<LedgerField, number>;

export class Ledger {
  readonly #totals = emptyTotals();
  /** Undefined until what earlier owners committed is known; until then nothing may be committed. */
  #base: LedgerTotals | undefined;
  #changed = false;

  add(field: LedgerField, count = 1): void {
    this.#totals[field] += count;
    this.#changed = true;
  }

  /** Starts from the metadata that the group's last commit on this partition carried. */
  load(metadata: string | null | undefined): void {
    this.#base = parseLedger(metadata);
  }

  get loaded(): boolean {
    return this.#base !== undefined;
  }

  get changed(): boolean {
    return this.#changed;
  }

  /** Metadata for the next commit; at most a few hundred bytes, the broker takes 4,096. */
  toMetadata(): string {
    const base = this.#base ?? emptyTotals();
    this.#changed = false;
    return JSON.stringify(
      Object.fromEntries(LEDGER_FIELDS.map((field) => [field, base[field] + this.#totals[field]])),
    );
  }

  /** The commit that carried the metadata failed. */
  commitFailed(): void {
    this.#changed = true;
  }
}

/** Totals from commit metadata; zeros where it is absent or was written by another program. */
export function parseLedger(metadata: string | null | undefined): LedgerTotals {
  const totals = emptyTotals();
  if (!metadata?.startsWith('{')) return totals;
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(metadata) as Record<string, unknown>;
  } catch {
    return totals;
  }
  for (const field of LEDGER_FIELDS) {
    const value = parsed[field];
    if (Number.isSafeInteger(value) && (value as number) > 0) totals[field] = value as number;
  }
  return totals;
}

export function emptyTotals(): LedgerTotals {
  return { recent: 0, workflowId: 0, sink: 0, retries: 0, delivered: 0 };
}
