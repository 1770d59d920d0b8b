import { kafkaErrorType } from '../../kafka/kafka';
import type {
  SendInTransaction,
  TransactionalProducer,
} from '../../kafka/producer/transactional-producer';
import type { KafkaRecord, RecordPosition } from '../../domain/record/record';
import { stateTopic } from '../../domain/stream/state-topic';
import type { AnyStream } from '../../domain/stream/stream';
import type { RecordEnd, ReplayOutcome, UnderWay } from '../../domain/stream/replay';
import { type LetterStates } from '../dead-letters/letter-states';
import {
  cutReason,
  stateMessage,
  type LetterProgress,
  type ProgressEntry,
} from '../dead-letters/state-entries';
import type { Letter } from './replay-letters';
import { sendBack, type Target } from './replay-send-back';

/** Errors by which the broker refuses one record for good. Others concern the replay as a whole. */
const REFUSALS = [
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'TOPIC_AUTHORIZATION_FAILED',
  'UNKNOWN_TOPIC_OR_PARTITION',
];

/** Whether the broker refuses the record for good, so that another attempt of the replay would not help. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.includes(kafkaErrorType(error) ?? '');
}

/** What a replay did with a letter. */
export interface LetterResult {
  letter: Letter;
  outcome: ReplayOutcome;
  reason?: string;
  /** The run or position that takes care of the record, or soon will. */
  underWay?: UnderWay;
  end?: RecordEnd;
}

type Result = NonNullable<ProgressEntry['result']>;

/** Whether the topic says all of the result. Only the attempt that did it gives the reason of something that is done. */
function isKnown(
  kept: Result | undefined,
  { outcome, end, reason = kept?.reason }: Result,
): boolean {
  return kept?.outcome === outcome && kept.end === end && kept.reason === reason;
}

/** The most steps in one transaction. A transaction takes some 10 ms, whatever it contains. */
const MAX_STEPS = 200;

interface Step {
  /** Sends the step's record, if it has one. Returns the entry for the state topic. */
  run: (send: SendInTransaction) => Promise<ProgressEntry>;
  resolve: (entry: ProgressEntry) => void;
  reject: (error: unknown) => void;
}

/**
 * Keeps on the stream's state topic what a replay does with each letter. A record that is sent back and the entry that
 * says so are one transaction: both are there, or neither. The transactional id belongs to the stream, so an attempt of a
 * replay that was given up can write and send nothing more once its successor has begun.
 */
export class ReplayJournal {
  readonly #steps: Step[] = [];
  #writing = false;
  /** Why the journal can't be written any more. */
  #failure: { error: unknown } | undefined;

  constructor(
    private readonly producer: Pick<TransactionalProducer, 'transaction'>,
    private readonly stream: Pick<AnyStream, 'name'>,
    private readonly replay: string,
    private readonly states: Pick<LetterStates, 'entryOf' | 'add'>,
    /** Called once the journal can't be written. The replay must not go on. */
    private readonly onFailure: () => void = () => undefined,
  ) {}

  /** Resolves when the step is on the topic. */
  async write(letter: Letter, step: LetterProgress): Promise<void> {
    await this.#add(() => Promise.resolve(this.#entry(letter, step)));
  }

  /** Keeps what the replay did with the letter. */
  async result({ letter, outcome, reason, underWay, end }: LetterResult): Promise<void> {
    const result = {
      outcome,
      ...(reason !== undefined && { reason: cutReason(reason) }),
      ...(underWay && { underWay }),
      ...(end && { end }),
    };
    // An attempt that goes on after another one comes to letters that are done. The topic needs no second entry of them.
    if (isKnown(this.states.entryOf(letter, this.replay)?.result, result)) return;
    await this.#add(() => Promise.resolve(this.#entry(letter, { result })));
  }

  /** Sends the letter's record back to its topic. Rejects with an {@link isRefusal} if the broker refuses the record. */
  async sendBack(letter: Letter, record: KafkaRecord, target: Target): Promise<RecordPosition> {
    const { sent } = await this.#add(async (send) =>
      this.#entry(letter, { sent: await sendBack(send, letter, record, target) }),
    );
    return sent!;
  }

  #entry(letter: Letter, step: Partial<ProgressEntry>): ProgressEntry {
    return {
      ...this.states.entryOf(letter, this.replay),
      kind: 'progress',
      letter: letter.name,
      runId: letter.runId,
      at: new Date().toISOString(),
      replay: this.replay,
      ...step,
    };
  }

  #add(run: Step['run']): Promise<ProgressEntry> {
    return new Promise((resolve, reject) => {
      this.#steps.push({ run, resolve, reject });
      void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    // The steps of this moment come together into one transaction.
    await new Promise(setImmediate);
    while (this.#steps.length > 0) await this.#commit(this.#steps.splice(0, MAX_STEPS));
    this.#writing = false;
  }

  async #commit(steps: Step[]): Promise<void> {
    try {
      if (this.#failure) throw this.#failure.error;
      const entries = await this.producer.transaction(async (send) => {
        const entries: ProgressEntry[] = [];
        for (const step of steps) entries.push(await step.run(send));
        await send({ topic: stateTopic(this.stream), messages: entries.map(stateMessage) });
        return entries;
      });
      entries.forEach((entry, index) => {
        this.states.add(entry);
        steps[index]!.resolve(entry);
      });
    } catch (error) {
      if (isRefusal(error) && steps.length > 1) {
        // One record that is refused must not keep the others back.
        for (const step of steps) await this.#commit([step]);
        return;
      }
      if (!isRefusal(error) && !this.#failure) {
        this.#failure = { error };
        this.onFailure();
      }
      for (const { reject } of steps) reject(error);
    }
  }
}
