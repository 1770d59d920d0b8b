type Groups<T> = Record<string, T[]>;

/**
 * Messages for one request. kafkajs groups them by partition with a `reduce` that copies a partition's list
 * for each message; this one asks it for the partition of each and keeps the lists itself.
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
