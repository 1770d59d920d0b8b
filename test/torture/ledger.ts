import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { contentKey, type Draft, type Fate, type Kind } from './messages';

/**
 * `acknowledged`: the message must be on the topic. `unknown`: it was sent and not answered, so it may be there.
 * `rejected`: the HTTP producer has refused it, so it must not be there.
 */
export type SendState = 'sent' | 'acknowledged' | 'unknown' | 'rejected';

export interface Sending {
  number: number;
  kind: Kind;
  via: Draft['via'];
  content: string;
  state: SendState;
}

/** The producer's own record of its messages and their answers, in memory and on disk. */
export class Ledger {
  readonly sendings: Sending[] = [];
  readonly fates = new Map<string, Fate>();
  readonly #file: WriteStream;

  constructor(path: string) {
    this.#file = createWriteStream(path);
  }

  sent(draft: Draft): Sending {
    const content = contentKey(draft.key, draft.value);
    const { kind, via, fate, partition } = draft;
    const sending: Sending = { number: this.sendings.length, kind, via, content, state: 'sent' };
    this.sendings.push(sending);
    this.fates.set(content, fate);
    this.#write({ ...sending, id: fate.id, partition });
    return sending;
  }

  answered(sending: Sending, state: SendState): void {
    sending.state = state;
    this.#write({ number: sending.number, state });
  }

  /** The number of messages of each kind, in total and by state. */
  totals(): Record<string, Record<string, number>> {
    const totals: Record<string, Record<string, number>> = {};
    for (const { kind, state } of this.sendings) {
      const row = (totals[kind] ??= { all: 0, acknowledged: 0, unknown: 0, rejected: 0, sent: 0 });
      row.all!++;
      row[state]!++;
    }
    return totals;
  }

  async close(): Promise<void> {
    this.#file.end();
    await once(this.#file, 'close');
  }

  #write(line: object): void {
    this.#file.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
  }
}
