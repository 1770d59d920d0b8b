import { hash } from 'node:crypto';

/**
 * Names a message with its content: the same id with other content is no duplicate but a conflict,
 * which only the sink can judge.
 */
export function contentKey(messageId: string, value: Buffer): string {
  return [messageId, hash('sha256', value, 'base64url')].join('\n');
}
