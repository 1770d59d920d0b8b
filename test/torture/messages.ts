import { hash } from 'node:crypto';
import type { InvalidRecordType } from '../../src/domain/record/record';
import type { Random } from './random';

export const KINDS = ['unique', 'duplicate', 'conflict', 'hostile', 'poison'] as const;
export type Kind = (typeof KINDS)[number];

/** The expected end of a content that is on the topic. */
export type Fate =
  | { id: string }
  /** Dead-lettered for this reason. The chunk lane delivers a record that is too large for a workflow. */
  | { id: string | undefined; invalid: InvalidRecordType };

/** One message to send. */
export interface Draft {
  kind: Kind;
  /** `api`: over the HTTP producer, which uses the id as the key. `kafka`: by Kafka's protocol. */
  via: 'api' | 'kafka';
  key: string | null;
  value: Buffer | null;
  /** The partition, if the key does not decide it. */
  partition?: number;
  fate: Fate;
}

const KEYS = 40;
/** In JSON the key takes six times as many bytes: too many for a workflow, and no problem for Kafka. */
const TOO_LARGE_KEY = '\u0001'.repeat(400_000);
/** Duplicates and conflicts are mostly made of this number of last messages, and at times of older ones. */
const RECENT = 200;

/** Names the content of a record by its value, or by its key if it has no value. */
export function contentKey(key: string | Buffer | null, value: Buffer | null): string {
  return value === null ? `null ${String(key)}` : hash('sha256', value, 'hex');
}

/** Makes the messages of a run, one in each call. The same seed makes the same messages. */
export class MessageSource {
  readonly #sent: Draft[] = [];
  readonly #later: Draft[] = [];
  #count = 0;

  constructor(
    readonly random: Random,
    readonly partitions: number,
  ) {}

  next(): Draft {
    const twin = this.#later.pop();
    if (twin) return twin;
    const draw = this.random.next();
    if (draw < 0.1) return this.#poison();
    if (draw < 0.25 && this.#sent.length > 0) return this.#duplicate();
    if (draw < 0.29 && this.#sent.length > 0) return this.#conflict();
    const draft = draw < 0.35 ? this.#hostile() : this.#unique();
    this.#sent.push(draft);
    // A second copy is sent at once, so that the layers see it while the first one is in flight.
    if (this.random.chance(0.03)) this.#later.push(this.#again(draft));
    return draft;
  }

  #unique(): Draft {
    const number = ++this.#count;
    return this.#valid('unique', `m${number}`, `unique ${number}`);
  }

  #hostile(): Draft {
    const number = ++this.#count;
    return this.#valid('hostile', hostileId(this.random, number), `hostile ${number}`);
  }

  #duplicate(): Draft {
    return this.#again(this.#earlier());
  }

  /** A copy with the same id and content, on the same or another partition. */
  #again(draft: Draft): Draft {
    const elsewhere = this.random.chance(0.5) && {
      partition: this.random.integer(0, this.partitions - 1),
    };
    return { ...draft, kind: 'duplicate', via: this.#via(), ...elsewhere };
  }

  #conflict(): Draft {
    const { fate } = this.#earlier();
    const number = ++this.#count;
    const draft = this.#valid('conflict', (fate as { id: string }).id, `conflict ${number}`);
    if (this.random.chance(0.3)) this.#sent.push(draft);
    return draft;
  }

  #earlier(): Draft {
    const all = this.random.chance(0.2);
    const from = all ? 0 : Math.max(0, this.#sent.length - RECENT);
    return this.#sent[this.random.integer(from, this.#sent.length - 1)]!;
  }

  #valid(kind: Kind, id: string, text: string): Draft {
    const value = validValue(this.random, id, text);
    return { kind, via: this.#via(), key: this.#key(), value, fate: { id } };
  }

  #poison(): Draft {
    const number = ++this.#count;
    const { value, key, id, invalid } = poison(this.random, number);
    // Some invalid messages are sent over the HTTP producer, which must keep them off the topic.
    const via = value !== null && key === undefined && this.random.chance(0.2) ? 'api' : 'kafka';
    return { kind: 'poison', via, key: key ?? this.#key(), value, fate: { id, invalid } };
  }

  #via(): Draft['via'] {
    return this.random.chance(0.5) ? 'api' : 'kafka';
  }

  #key(): string {
    return `k${this.random.integer(0, KEYS - 1)}`;
  }
}

/** Valid JSON whose bytes would change if it were parsed and serialised again. */
function validValue(random: Random, id: string, text: string): Buffer {
  const payload = { text, filler: 'é'.repeat(random.integer(0, 200)) };
  const json = JSON.stringify({ id, type: 'torture', occurredAt: '2026-01-31T12:00:00Z', payload });
  const odd = random.pick(['', ',"big":12345678901234567890123', ',"again":1,"again":2', ' ']);
  return Buffer.from(`${json.slice(0, -1)}${odd}}`);
}

/** Valid ids that are difficult for file systems, URLs, headers, queries or workflow ids. */
function hostileId(random: Random, number: number): string {
  return random.pick([
    `../../../etc/passwd-${number}`,
    `..${number}`,
    `.hidden-${number}`,
    `chunks/torture/0/${number}-${number + 9}.ndjson`,
    `.unfinished-${number}`,
    `invalid-torture.messages-0-${number}`,
    `chunk-torture.messages-0-${number}`,
    `${number}~torture.messages-0`,
    ` ${number} `,
    `"quoted" 'and' \\escaped\\ ${number}`,
    `new\nline\u0000and\u001bcontrol ${number}`,
    `%2e%2e%2f${number}`,
    `ünïcödé 漢字 🦀 ${number}`,
    `long-${number}-${'x'.repeat(1_000)}`,
    `${'漢'.repeat(300)}${number}`,
    `__proto__${number}`,
    `?query=${number}&x#fragment`,
    `Case-${number}`,
    `case-${number}`,
  ]);
}

interface Poison {
  value: Buffer | null;
  key?: string;
  id: string | undefined;
  invalid: InvalidRecordType;
}

function poison(random: Random, number: number): Poison {
  const valid = (id: string) => validValue(random, id, `poison ${number}`);
  const schema = (text: string): Poison => ({
    value: Buffer.from(text),
    id: undefined,
    invalid: 'SchemaMismatch',
  });
  return random.pick<() => Poison>([
    () => ({ value: Buffer.from(`{"id": nope ${number}`), id: undefined, invalid: 'InvalidJson' }),
    () => ({
      value: Buffer.from([0xff, 0xfe, ...Buffer.from(`${number}`)]),
      id: undefined,
      invalid: 'InvalidJson',
    }),
    () => schema(`{"id":"p${number}","type":"","occurredAt":"never"}`),
    () => schema(`[${number}]`),
    () => schema(valid('').toString()),
    () => schema(valid(`${number}${'x'.repeat(1_100)}`).toString()),
    () => ({
      value: Buffer.from(valid('LONE').toString().replace('LONE', `\\ud800${number}`)),
      id: undefined,
      invalid: 'InvalidMessageId',
    }),
    () => ({ value: null, key: `null-${number}`, id: undefined, invalid: 'NullValue' }),
    () => ({
      value: valid(`large${number}`),
      key: `${TOO_LARGE_KEY}${number}`,
      id: `large${number}`,
      invalid: 'RecordTooLarge',
    }),
  ])();
}
