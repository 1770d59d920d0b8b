import { hash } from 'node:crypto';
import type { RecordPosition } from '../../domain/record/record';

/** The fate of a topic's messages: delivered, dead-lettered or missing. Each distinct message id counts once. */
export interface Account {
  /** `delivered + deadLettered + missing`. */
  messages: number;
  delivered: number;
  deadLettered: number;
  /** Ids with at least one content that is neither at the sink nor dead-lettered. */
  missing: number;
  /** Ids that the sink holds more than once. */
  double: number;
  /** The first 100 missing ids. `doubleIds` has the first 100 ids that the sink holds more than once. */
  missingIds: string[];
  doubleIds: string[];
}

/** A content of a message id, or an invalid record. A message id may come with several contents. */
interface Content {
  hash: string;
  delivered: boolean;
  deadLettered: boolean;
}

interface PlacedContent {
  content: Content;
  timestamp: number;
}

/**
 * A position on the topic, with the record's timestamp. A topic that was deleted and created again has the same
 * positions again; the timestamp distinguishes the two records.
 */
type Placed = Omit<RecordPosition, 'topic'> & { timestamp: number };

const MAX_IDS = 100;

/**
 * The accounts of one topic. Add all records of the topic first, then the values that the sink stores, then the
 * dead letters. Memory: a hash of each content and its positions, about 500 bytes per message.
 */
export class Reconciliation {
  readonly #contents = new Map<string, Content[]>();
  readonly #byHash = new Map<string, { messageId: string; content: Content }[]>();
  /** Invalid records by name. They are apart from `#contents`, because a message id may equal such a name. */
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

  /** Counts a record without a message id as a message of its own. `name` is made from the record's position. */
  addInvalid(position: Placed, name: string): void {
    const content = { hash: '', delivered: false, deadLettered: false };
    this.#invalid.set(name, content);
    this.#place(position, content);
  }

  /**
   * Records that the sink holds the value. `messageId` is the id that the value alone reveals. If it reveals
   * none, the content identifies the message. If several messages share the content, each stored copy counts for
   * one of them. Returns false if no message id was found in either way.
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

  /** Records that the record with this position and timestamp was dead-lettered. */
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

/** The encoding `binary` keeps a digest in 32 bytes of memory. */
function digestOf(value: Buffer): string {
  return hash('sha256', value, 'binary');
}
