type Groups<T> = Record<string, T[]>;

/**
 * The messages of one request. kafkajs groups messages by partition with a `reduce` that copies a partition's list
 * for each message. This `reduce` only asks kafkajs for the partition of each message, and keeps the lists itself.
 */
export class LinearGrouping<T> extends Array<T> {
  static override get [Symbol.species]() {
    return Array;
  }

  override reduce(group: unknown): never {
    const partitionOf = group as (groups: Groups<T>, message: T) => Groups<T>;
    const groups: Groups<T> = {};
    for (const message of this) {
      for (const partition in partitionOf({}, message)) (groups[partition] ??= []).push(message);
    }
    return groups as never;
  }
}
