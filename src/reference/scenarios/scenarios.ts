/** One send of a message id, `atMs` after the scenario's start. */
export interface Send {
  id: string;
  atMs: number;
}

export interface Scenario {
  name: string;
  title: string;
  sends: Send[];
  /** Whether a bridge worker is killed in the middle. */
  kill?: boolean;
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Returns a function that draws numbers from 0 to 1 (mulberry32). The same seed gives the same numbers. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Six ways in which messages and their duplicates arrive, in the order in which they run. Ids begin with the
 * prefix; the rest of each id is the same in every run.
 */
export function idempotencyScenarios(prefix: string): Scenario[] {
  const chance = random(20);
  const distinct = 200;
  const mixed: Send[] = range(distinct).map((i) => ({ id: `${prefix}mixed-${i}`, atMs: i * 20 }));
  const duplicates: Send[] = mixed
    .filter(() => chance() < 0.2)
    .map(({ id, atMs }) => ({ id, atMs: atMs + Math.floor(chance() * 2_000) }));
  return [
    {
      name: 'steady',
      title: '20 messages, one each 0.5 s',
      sends: range(20).map((i) => ({ id: `${prefix}steady-${i}`, atMs: i * 500 })),
    },
    {
      name: 'fast',
      title: '50 messages, one each 0.1 s',
      sends: range(50).map((i) => ({ id: `${prefix}fast-${i}`, atMs: i * 100 })),
    },
    {
      name: 'at once',
      title: 'one message 5 times at once',
      sends: range(5).map(() => ({ id: `${prefix}at-once`, atMs: 0 })),
    },
    {
      name: 'later',
      title: 'one message again 5 s later, twice',
      sends: range(3).map((i) => ({ id: `${prefix}later`, atMs: i * 5_000 })),
    },
    {
      name: 'three producers',
      title: '10 messages, each from 3 producers at the same time',
      sends: range(10).flatMap((i) =>
        range(3).map(() => ({ id: `${prefix}three-${i}`, atMs: i * 50 })),
      ),
    },
    {
      name: 'mixed',
      title: `${distinct} messages with 20 % random duplicates`,
      sends: [...mixed, ...duplicates].sort((a, b) => a.atMs - b.atMs),
    },
  ];
}

/** The seventh scenario, of the demo alone: only the process that started the bridge worker may kill it. */
export function killScenario(): Scenario {
  return {
    name: 'kill',
    title: '500 messages, SIGKILL of the aws bridge worker half-way',
    sends: range(500).map((i) => ({ id: `kill-${i}`, atMs: i * 4 })),
    kill: true,
  };
}

/** The expected outcome of a scenario's sends at one stream. */
export interface Expectation {
  /** Distinct message ids. */
  messages: number;
  delivered: number;
  /** Records skipped as duplicates, in all layers together. */
  duplicates: number;
  /** Records. Each copy of a message that can't be delivered has a dead letter of its own. */
  deadLetters: number;
}

export function expectation(
  { sends }: Scenario,
  failsForGood: (id: string) => boolean,
): Expectation {
  const copies = new Map<string, number>();
  for (const { id } of sends) copies.set(id, (copies.get(id) ?? 0) + 1);
  const result = { messages: copies.size, delivered: 0, duplicates: 0, deadLetters: 0 };
  for (const [id, count] of copies) {
    if (failsForGood(id)) result.deadLetters += count;
    else {
      result.delivered += 1;
      result.duplicates += count - 1;
    }
  }
  return result;
}
