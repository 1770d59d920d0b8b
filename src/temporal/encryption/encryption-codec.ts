import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { UsageError } from '../../domain/errors';
import { keysFault, type EncryptionKey } from './encryption-keys';

/** As Temporal's own examples and other SDKs' codecs call it. */
const ENCODING = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
/** What a payload says of itself; the AAD binds it, so it can't be told otherwise later. */
const FORMAT = 'cloudsync/1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A payload can't be read here: its key is not known, or it is not what was written. */
export class DecryptionError extends Error {
  override readonly name = 'DecryptionError';
}

/**
 * Encrypts payloads with the first key and decrypts with all, so that a key can be replaced while runs
 * under the old one are open. What is not encrypted is let through, as encryption may be switched on
 * while runs are open. Throws a {@link UsageError} where the keys can't be used.
 *
 * A payload becomes: a random nonce of 96 bits, then the whole payload, its metadata included, under
 * AES-256-GCM, then the tag of 128 bits.
 */
export function encryptionCodec(keys: EncryptionKey[]): PayloadCodec {
  const fault = keysFault(keys);
  if (fault) throw new UsageError(`encryption keys: ${fault}`);
  const known = new Map(keys.map(({ id, key }) => [id, createSecretKey(key)]));
  const { id: firstId } = keys[0]!;
  return {
    encode: (payloads) =>
      settled(() => payloads.map((payload) => encrypted(payload, firstId, known.get(firstId)!))),
    decode: (payloads) => settled(() => payloads.map((payload) => decrypted(payload, known))),
  };
}

/** For a process without keys: says what is missing where the converter would name an encoding. */
export const withoutKeys: PayloadCodec = {
  encode: (payloads) => Promise.resolve(payloads),
  decode: (payloads) => settled(() => payloads.map((payload) => decrypted(payload, new Map()))),
};

/** What throws rejects. */
function settled<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

function encrypted(payload: Payload, keyId: string, key: KeyObject): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(associatedData(keyId));
  const plain = temporal.api.common.v1.Payload.encode(payload).finish();
  return {
    metadata: {
      encoding: Buffer.from(ENCODING),
      'encryption-format': Buffer.from(FORMAT),
      'encryption-key-id': Buffer.from(keyId),
    },
    data: Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]),
  };
}

function decrypted(payload: Payload, keys: ReadonlyMap<string, KeyObject>): Payload {
  if (metadata(payload, 'encoding') !== ENCODING) return payload;
  if (metadata(payload, 'encryption-format') !== FORMAT) {
    throw new DecryptionError('the payload was encrypted by other software than CloudSync');
  }
  const keyId = metadata(payload, 'encryption-key-id') ?? '';
  const key = keys.get(keyId);
  if (!key) {
    // Whoever may write to Temporal may write anything there.
    const name = /^[\w.-]{1,64}$/.test(keyId) ? `"${keyId}"` : 'of an id that is none';
    throw new DecryptionError(
      `the payload is encrypted with the key ${name}, which this process does not have: add it to CLOUDSYNC_ENCRYPTION_KEYS`,
    );
  }
  const data = Buffer.from(payload.data ?? []);
  try {
    const tagAt = data.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, key, data.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(associatedData(keyId))
      .setAuthTag(data.subarray(tagAt));
    const plain = Buffer.concat([
      decipher.update(data.subarray(NONCE_BYTES, tagAt)),
      decipher.final(),
    ]);
    return temporal.api.common.v1.Payload.decode(plain);
  } catch (error) {
    throw new DecryptionError(
      `the payload is not what was encrypted with the key "${keyId}": it was changed, or another key bears this id now`,
      { cause: error },
    );
  }
}

/** Metadata lies beside the ciphertext; with this a payload can't be passed off as another format's or key's. */
function associatedData(keyId: string): Buffer {
  return Buffer.from([ENCODING, FORMAT, keyId].join('\0'));
}

function metadata({ metadata }: Payload, name: string): string | undefined {
  const value = metadata?.[name];
  return value && Buffer.from(value).toString();
}
