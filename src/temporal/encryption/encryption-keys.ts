/** A key for AES-256-GCM, and the id by which payloads name it. */
export interface EncryptionKey {
  /** 1 to 64 letters, digits, `.`, `_`, `-`; each payload carries the id in plain text. */
  id: string;
  /** 32 bytes. */
  key: Uint8Array;
}

const KEY_ID = /^[\w.-]{1,64}$/;
const KEY_BYTES = 32;

/** What is wrong with a list of keys, without a byte of the keys; `undefined` if nothing is. */
export function keysFault(keys: EncryptionKey[]): string | undefined {
  if (keys.length === 0) return 'must hold at least one key';
  for (const [index, { id, key }] of keys.entries()) {
    if (!KEY_ID.test(id)) {
      return `key ${index + 1} must have an id of 1 to 64 letters, digits, ".", "_" and "-"`;
    }
    if (key.length !== KEY_BYTES) return `key ${index + 1} must have ${KEY_BYTES} bytes`;
    if (keys.findIndex((other) => other.id === id) !== index) {
      return `key ${index + 1} has the id of an earlier one`;
    }
  }
  return undefined;
}

/**
 * Parses keys as a person writes them: `id:base64`, separated by commas or line breaks. Throws an Error that names a
 * wrong key by its position in the list, and never by its text.
 */
export function parseEncryptionKeys(text: string): EncryptionKey[] {
  const entries = text
    .split(/[,\r\n]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const keys = entries.map((entry, index) => {
    const [, id, base64] = /^([^:]*):([^:]*)$/.exec(entry) ?? [];
    const key = Buffer.from(base64 ?? '', 'base64');
    // Buffer skips characters that are not base64, so a mistyped key would become another key.
    if (id === undefined || key.length !== KEY_BYTES || key.toString('base64') !== base64) {
      throw new Error(
        `key ${index + 1} must be id:key with ${KEY_BYTES} bytes in base64; "openssl rand -base64 32" makes them`,
      );
    }
    return { id, key };
  });
  const fault = keysFault(keys);
  if (fault) throw new Error(fault);
  return keys;
}
