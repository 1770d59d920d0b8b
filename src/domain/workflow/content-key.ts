import { hash } from 'node:crypto';

/**
 * Names a message together with its content. The same id with other content is not a duplicate but a
 * conflict, which only the sink can judge.
 */
export function contentKey(messageId: string, value: Buffer): string {
  return [messageId, hash('sha256', value, 'base64url')].join('\n');
}
