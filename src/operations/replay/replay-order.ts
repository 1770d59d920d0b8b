import type { Ordering } from '../../domain/stream/stream';
import type { Letter } from './replay-letters';

/**
 * Sorts the letters into queues. The letters of one queue are replayed one after the other, each after the one
 * before has been delivered. The queues are replayed in parallel. Each queue begins with the oldest record, and
 * the queues are in the order of their first letters. A record that was sent back keeps the position of its first
 * original. If a key is held, its head comes first. Records before the head were given up, or one of them would
 * be the head; they come last.
 */
export function queuesOf(
  ordering: Ordering,
  letters: Letter[],
  all: Letter[],
  isHead: (partition: number, offset: number) => boolean = () => false,
): Letter[][] {
  const byName = new Map(all.map((letter) => [letter.name, letter]));
  const origin = (letter: Letter): Letter => {
    let first = letter;
    for (const seen = new Set<Letter>(); !seen.has(first);) {
      seen.add(first);
      const before = first.replayOf === null ? undefined : byName.get(first.replayOf);
      if (before?.content.digest === first.content.digest) first = before;
    }
    return first;
  };
  const sorted = letters
    .map((letter) => ({ letter, ...place(origin(letter)) }))
    .sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  const queues = new Map<string, typeof sorted>();
  for (const one of sorted) {
    const name = queueName(ordering, one.letter, one.partition);
    const queue = queues.get(name);
    if (queue) queue.push(one);
    else queues.set(name, [one]);
  }
  return [...queues.values()].map((queue) => {
    const head = Math.max(
      queue.findIndex(({ partition, offset }) => isHead(partition, offset)),
      0,
    );
    return [...queue.slice(head), ...queue.slice(0, head)].map(({ letter }) => letter);
  });
}

function place({ partition, offset }: Letter): { partition: number; offset: number } {
  return { partition: partition ?? -1, offset: offset ?? -1 };
}

/** A record without a key has no order by key, so its letter has a queue of its own. */
function queueName(
  ordering: Ordering,
  { name, content: { key } }: Letter,
  partition: number,
): string {
  if (ordering === 'partition') return String(partition);
  return ordering === 'key' && key !== null ? `${partition} ${key}` : name;
}
