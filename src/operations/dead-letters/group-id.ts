import { createHash } from 'node:crypto';

/** Where a message is cut. Letters that differ only behind it are of one group. */
export const MAX_EXAMPLE = 500;

/** The id of the group of a letter with this error. */
export function groupIdOf(errorType: string | null, message: string | null): string {
  const text = `${errorType ?? ''}\n${shapeOf(message ?? '')}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The message without what differs between letters of the same cause: quoted texts, ids and numbers. */
export function shapeOf(message: string): string {
  return message
    .slice(0, MAX_EXAMPLE)
    .replace(/"[^"\n]*"|'[^'\n]*'|`[^`\n]*`/g, '""')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27,}/gi, '#')
    .replace(/[0-9a-f]*\d[0-9a-f]*/gi, '#');
}
