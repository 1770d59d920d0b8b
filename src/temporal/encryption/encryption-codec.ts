import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { UsageError } from '../../domain/errors';
import { keysFault, type EncryptionKey } from './encryption-keys';

/** The name that Temporal's own examples and other SDKs' codecs use. */
const ENCODING = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
/** The format that a payload names. The AAD binds the name, so nobody can change it later without notice. */
const FORMAT = 'cloudsync/1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** This process can't read a payload: it does not have the key, or the payload or the key was changed. */
export class DecryptionError extends Error {
  override readonly name = 'DecryptionError';
}

/**
 * Encrypts payloads with the first key and decrypts with all keys, so that a key can be replaced while runs under
 * the old key are open. Payloads that are not encrypted pass unchanged, because encryption may be switched on while
 * runs are open. Throws a {@link UsageError} if the keys can't be used; `decode` rejects with a DecryptionError.
 *
 * An encrypted payload consists of a random nonce of 96 bits, then the whole payload with its metadata under
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

/** For a process without keys: names the missing key, where the converter would name an unknown encoding. */
export const withoutKeys: PayloadCodec = {
  encode: (payloads) => Promise.resolve(payloads),
  decode: (payloads) => settled(() => payloads.map((payload) => decrypted(payload, new Map()))),
};

/** Turns an exception of `work` into a rejection. */
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
    // Anyone who may write to Temporal can put any text here.
    if (!/^[\w.-]{1,64}$/.test(keyId)) {
      throw new DecryptionError('the payload is encrypted with a key whose id is not valid');
    }
    throw new DecryptionError(
      `the payload is encrypted with the key "${keyId}", which this process does not have: add it to CLOUDSYNC_ENCRYPTION_KEYS`,
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
      `the payload does not match the key "${keyId}": the payload was changed, or this id now names another key`,
      { cause: error },
    );
  }
}

/** Metadata lies beside the ciphertext. The AAD binds it, so a payload can't pass for another format's or key's. */
function associatedData(keyId: string): Buffer {
  return Buffer.from([ENCODING, FORMAT, keyId].join('\0'));
}

function metadata({ metadata }: Payload, name: string): string | undefined {
  const value = metadata?.[name];
  return value && Buffer.from(value).toString();
}
