import type { KafkaRecord } from '../domain/record/record';

/** The headers that have a value, as text. */
export function headerTexts({ headers }: KafkaRecord): [name: string, text: string][] {
  return headers.flatMap(([name, value]) =>
    value ? [[name, value.toString('utf8')] as [string, string]] : [],
  );
}

/** The last header of this name, as text. Undefined if there is none, or if it has no value. */
export function headerText({ headers }: KafkaRecord, name: string): string | undefined {
  return headers.findLast((header) => header[0].toLowerCase() === name)?.[1]?.toString('utf8');
}
