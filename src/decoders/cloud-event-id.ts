/**
 * Separates source and id in a message id. A URI has none of the characters of `NOT_IN_URI`, so the first
 * separator ends the source.
 */
const SEPARATOR = '|';
const NOT_IN_URI = /[\s|<>"{}\\^`\p{Cc}]/u;

/** Whether the text can be a CloudEvent's `source`, as far as its message id depends on it. */
export function isSource(source: string): boolean {
  return source !== '' && !NOT_IN_URI.test(source);
}

/**
 * The message id of a CloudEvent: `<source>|<id>`, because only source and id together make an event unique. With the id
 * alone, events of two sources would count as duplicates.
 */
export function cloudEventId(source: string, id: string): string {
  return `${source}${SEPARATOR}${id}`;
}
