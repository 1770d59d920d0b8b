import { UsageError } from '../../domain/errors';
import type { RecordPosition } from '../../domain/record/record';

/**
 * Parses a record's position as a person writes it: `topic/partition@offset`. Throws a {@link UsageError} for any
 * other text.
 */
export function parsePlace(text: string): RecordPosition {
  const match = /^([a-zA-Z0-9._-]{1,249})\/(\d{1,9})@(\d{1,15})$/.exec(text);
  if (!match) throw new UsageError(`${JSON.stringify(text)} is not topic/partition@offset`);
  return { topic: match[1]!, partition: Number(match[2]), offset: Number(match[3]) };
}
