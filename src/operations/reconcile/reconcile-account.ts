import { hash } from 'node:crypto';
import type { RecordPosition } from '../../domain/record/record';

/** What became of a topic's messages, over distinct message ids. */
export interface Account {
  /** `delivered + deadLettered + missing`. */
  messages: number;
  delivered: number;
  deadLettered: number;
  /** Ids with a content that is neither at the sink nor dead-lettered. */
  missing: number;
  /** Ids that the sink holds more than once. */
  double: number;
  /** The first of them. */
  missingIds: string[];
  doubleIds: string[];
}

/** One value of one message id, or one invalid record. */
interface Content {
  hash: string;
  delivered: boolean;
  deadLettered: boolean;
}

interface PlacedContent {
  content: Content;
  timestamp: number;
}

/** A place on a topic comes again where the topic was made anew; the time tells the two records apart. */
type Placed = Omit<RecordPosition, 'topic'> & { timestamp: number };

const MAX_IDS = 100;

/**
 * The books of one topic: first all its records, then what the sink stores, then the dead letters. Holds
 * a hash of each content and where it lay, about 500 bytes a message.
 */
export class Reconciliation {
  readonly #contents = new Map<string, Content[]>();
  readonly #byHash = new Map<string, { messageId: string; content: Content }[]>();
  /** Apart from the others, since a message may call itself what an invalid record is called here. */
  readonly #invalid = new Map<string, Content>();
  readonly #byPosition = new Map<number, Map<number, PlacedContent>>();
  readonly #stored = new Map<string, number>();

  addMessage(position: Placed, messageId: string, value: Buffer): void {
    const digest = digestOf(value);
    const contents = this.#contents.get(messageId);
    let content = contents?.find((one) => one.hash === digest);
    if (!content) {
      content = { hash: digest, delivered: false, deadLettered: false };
      if (contents) contents.push(content);
      else this.#contents.set(messageId, [content]);
      const owners = this.#byHash.get(digest);
      if (owners) owners.push({ messageId, content });
      else this.#byHash.set(digest, [{ messageId, content }]);
    }
    this.#place(position, content);
  }

  /** A record without a message id counts as a message of its own, under a name made of its place. */
  addInvalid(position: Placed, name: string): void {
    const content = { hash: '', delivered: false, deadLettered: false };
    this.#invalid.set(name, content);
    this.#place(position, content);
  }

  /**
   * The sink holds the value. `messageId` is what the value by itself tells; when it tells none, the content says whose
   * it is. Messages may share a content: each copy then stands for one of them. False when the value is nobody's.
   */
  addStored(value: Buffer, messageId: string | undefined): boolean {
    const owners = this.#byHash.get(digestOf(value)) ?? [];
    const owner =
      messageId === undefined
        ? (owners.find((one) => !one.content.delivered) ?? owners[0])
        : owners.find((one) => one.messageId === messageId);
    if (owner) owner.content.delivered = true;
    const name = messageId ?? owner?.messageId;
    if (name === undefined) return false;
    this.#stored.set(name, (this.#stored.get(name) ?? 0) + 1);
    return true;
  }

  /** The record of this place and time was dead-lettered. */
  addDeadLetter({ partition, offset, timestamp }: Placed): void {
    const found = this.#byPosition.get(partition)?.get(offset);
    if (found?.timestamp === timestamp) found.content.deadLettered = true;
  }

  account(): Account {
    const account: Account = {
      messages: 0,
      delivered: 0,
      deadLettered: 0,
      missing: 0,
      double: 0,
      missingIds: [],
      doubleIds: [],
    };
    const count = (name: string, contents: Content[]) => {
      account.messages++;
      if (contents.some((one) => !one.delivered && !one.deadLettered)) {
        account.missing++;
        if (account.missingIds.length < MAX_IDS) account.missingIds.push(name);
      } else if (contents.some((one) => one.delivered)) account.delivered++;
      else account.deadLettered++;
    };
    for (const [messageId, contents] of this.#contents) count(messageId, contents);
    for (const [name, content] of this.#invalid) count(name, [content]);
    for (const [messageId, copies] of this.#stored) {
      if (copies === 1) continue;
      account.double++;
      if (account.doubleIds.length < MAX_IDS) account.doubleIds.push(messageId);
    }
    return account;
  }

  #place({ partition, offset, timestamp }: Placed, content: Content): void {
    const offsets = this.#byPosition.get(partition) ?? new Map<number, PlacedContent>();
    this.#byPosition.set(partition, offsets.set(offset, { content, timestamp }));
  }
}

/** In `binary` a digest takes 32 bytes of memory. */
function digestOf(value: Buffer): string {
  return hash('sha256', value, 'binary');
}
