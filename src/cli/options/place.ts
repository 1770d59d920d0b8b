import { UsageError } from '../../domain/errors';
import type { RecordPosition } from '../../domain/record/record';

/** A record's place as a person names it. */
export function parsePlace(text: string): RecordPosition {
  const match = /^([a-zA-Z0-9._-]{1,249})\/(\d{1,9})@(\d{1,15})$/.exec(text);
  if (!match) throw new UsageError(`${JSON.stringify(text)} is no topic/partition@offset`);
  return { topic: match[1]!, partition: Number(match[2]), offset: Number(match[3]) };
}
