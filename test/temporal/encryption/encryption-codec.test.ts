import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import {
  DecryptionError,
  encryptionCodec,
  withoutKeys,
} from '../../../src/temporal/encryption/encryption-codec';
import { UsageError } from '../../../src/domain/errors';

const key = (id: string) => ({ id, key: randomBytes(32) });
const [first, second] = [key('k1'), key('k2')];
const secret = { card: '4111-canary', nothing: null };
const payloads = () => [
  defaultPayloadConverter.toPayload(secret),
  defaultPayloadConverter.toPayload(undefined),
  defaultPayloadConverter.toPayload(new Uint8Array([0, 255])),
];
const codec = encryptionCodec([first]);
const one = async () => (await codec.encode([defaultPayloadConverter.toPayload(secret)]))[0]!;
const flat = (payload: Payload) => ({
  data: Buffer.from(payload.data ?? []).toString('hex'),
  metadata: Object.fromEntries(
    Object.entries(payload.metadata ?? {}).map(([name, value]) => [
      name,
      Buffer.from(value).toString(),
    ]),
  ),
});

test('decode returns an encrypted payload unchanged, with its metadata', async () => {
  const back = await codec.decode(await codec.encode(payloads()));
  expect(back.map(flat)).toEqual(payloads().map(flat));
  expect(await codec.encode([])).toEqual([]);
});

test('an encrypted payload shows neither its content nor that it equals another one', async () => {
  const [a, b] = [flat(await one()), flat(await one())];
  expect(Buffer.from(a.data, 'hex').toString('latin1')).not.toContain('canary');
  expect(a.metadata).toEqual({
    encoding: 'binary/encrypted',
    'encryption-format': 'cloudsync/1',
    'encryption-key-id': 'k1',
  });
  expect(a.data).not.toBe(b.data);
  expect(a.data.slice(0, 24)).not.toBe(b.data.slice(0, 24));
});

test('the first key encrypts and all keys decrypt, so that a key can be replaced', async () => {
  const old = await codec.encode(payloads());
  const both = encryptionCodec([second, first]);
  expect((await both.decode(old)).map(flat)).toEqual(payloads().map(flat));
  const fresh = await both.encode(payloads());
  expect(flat(fresh[0]!).metadata['encryption-key-id']).toBe('k2');
  await expect(codec.decode(fresh)).rejects.toThrow(
    'the payload is encrypted with the key "k2", which this process does not have: add it to CLOUDSYNC_ENCRYPTION_KEYS',
  );
});

test('decode returns payloads that were never encrypted', async () => {
  expect(await codec.decode(payloads())).toEqual(payloads());
  expect(await withoutKeys.decode(payloads())).toEqual(payloads());
  expect(await withoutKeys.encode(payloads())).toEqual(payloads());
});

test('decode in a process without keys fails and names the missing key', async () => {
  await expect(withoutKeys.decode([await one()])).rejects.toThrow(/"k1", which this process/);
});

test('decode refuses a change of any byte of nonce, ciphertext and tag', async () => {
  const payload = await one();
  for (let at = 0; at < payload.data!.length; at++) {
    const data = Buffer.from(payload.data!);
    data[at]! ^= 1;
    await expect(codec.decode([{ ...payload, data }])).rejects.toThrow(DecryptionError);
  }
});

test.each([0, 1, 12, 27, 28])('decode refuses a payload of %i bytes', async (length) => {
  const payload = await one();
  const data = Buffer.from(payload.data!).subarray(0, length);
  await expect(codec.decode([{ ...payload, data }])).rejects.toThrow(/was changed/);
});

test('decode refuses a payload under another id of the same key', async () => {
  const payload = await one();
  const twice = encryptionCodec([{ ...first, id: 'other' }, first]);
  const metadata = { ...payload.metadata, 'encryption-key-id': Buffer.from('other') };
  await expect(twice.decode([{ ...payload, metadata }])).rejects.toThrow(/was changed/);
});

test('decode reports a payload of other software with the same encoding', async () => {
  const metadata = { encoding: (await one()).metadata!.encoding! };
  await expect(codec.decode([{ metadata, data: Buffer.alloc(60) }])).rejects.toThrow(
    'the payload was encrypted by other software than CloudSync',
  );
});

test('the error message does not show an invalid key id', async () => {
  const payload = await one();
  const metadata = { ...payload.metadata, 'encryption-key-id': Buffer.from('\u001b[2J') };
  await expect(codec.decode([{ ...payload, metadata }])).rejects.toThrow(
    /a key whose id is not valid/,
  );
});

test.each([
  [[], 'must hold at least one key'],
  [[{ id: 'a', key: randomBytes(16) }], 'key 1 must have 32 bytes'],
  [[first, { id: 'a b', key: randomBytes(32) }], 'key 2 must have an id'],
  [[first, key('k1')], 'key 2 has the id of an earlier one'],
])('encryptionCodec refuses unusable keys: %#', (keys, message) => {
  expect(() => encryptionCodec(keys)).toThrow(UsageError);
  expect(() => encryptionCodec(keys)).toThrow(message);
});
