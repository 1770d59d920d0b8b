import { readFileSync } from 'node:fs';
import { parseEncryptionKeys, type EncryptionKey } from '../temporal/encryption/encryption-keys';
import { errorMessage } from '../domain/errors';

const LIST = 'CLOUDSYNC_ENCRYPTION_KEYS';
const FILE = 'CLOUDSYNC_ENCRYPTION_KEYS_FILE';

/**
 * Reads the encryption keys of an environment. Returns `undefined` if it names none, or a text without any
 * key if they are wrong.
 */
export function readEncryptionKeys(
  env: Record<string, string | undefined>,
): EncryptionKey[] | string | undefined {
  const { [LIST]: list, [FILE]: file } = env;
  if (list !== undefined && file !== undefined) return `${FILE}: ${LIST} is given as well; use one`;
  try {
    if (list !== undefined) return parseEncryptionKeys(list);
    return file === undefined ? undefined : parseEncryptionKeys(contentOf(file));
  } catch (error) {
    return `${list === undefined ? FILE : LIST}: ${errorMessage(error)}`;
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`the file can't be read (${code})`, { cause: error });
  }
}
