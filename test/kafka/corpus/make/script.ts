import type { Codec, Draft, Step, WriterName } from './step';

export type WriterStep = Step & { writer: WriterName };

export interface Producer {
  send(...records: Draft[]): void;
  begin(): void;
  commit(): void;
  abort(): void;
  /** Writes a committed transaction. Each argument is a batch. */
  committed(...batches: Draft[][]): void;
  aborted(...batches: Draft[][]): void;
  close(): void;
}

/** The steps that write to one topic. */
export class Script {
  /** The steps by rounds. Some seconds pass between rounds, so that Kafka begins a new segment. */
  readonly rounds: WriterStep[][] = [[]];
  #opened = 0;

  constructor(readonly topic: string) {}

  open(
    writer: WriterName,
    codec: Codec,
    kind: 'plain' | 'idempotent' | 'transactional' = 'plain',
    more: { level?: number; transactionalId?: string } = {},
  ): Producer {
    const producer = `${this.topic}-${++this.#opened}`;
    const take = (step: Step) => void this.rounds.at(-1)!.push({ writer, ...step });
    const transactional = kind === 'transactional' ? { transactionalId: producer } : {};
    take({ do: 'open', producer, codec, kind, ...transactional, ...more });
    const send = (records: Draft[]) => take({ do: 'send', producer, topic: this.topic, records });
    const end = (how: 'commit' | 'abort') => take({ do: how, producer });
    const whole = (batches: Draft[][], how: 'commit' | 'abort') => {
      take({ do: 'begin', producer });
      batches.forEach(send);
      end(how);
    };
    return {
      send: (...records) => send(records),
      begin: () => take({ do: 'begin', producer }),
      commit: () => end('commit'),
      abort: () => end('abort'),
      committed: (...batches) => whole(batches, 'commit'),
      aborted: (...batches) => whole(batches, 'abort'),
      close: () => take({ do: 'close', producer }),
    };
  }

  newRound(): void {
    this.rounds.push([]);
  }
}
