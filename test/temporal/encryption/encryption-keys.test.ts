import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '../../../src/settings/config';
import { parseEncryptionKeys } from '../../../src/temporal/encryption/encryption-keys';

const [first, second] = [randomBytes(32), randomBytes(32)];
const entry = (id: string, key: Buffer) => `${id}:${key.toString('base64')}`;

test('keys are separated by commas or lines, and keep their order', () => {
  const keys = [
    { id: 'k1', key: first },
    { id: '2026-11', key: second },
  ];
  const entries = [entry('k1', first), entry('2026-11', second)];
  expect(parseEncryptionKeys(entries.join(' , '))).toEqual(keys);
  expect(parseEncryptionKeys(`${entries.join('\r\n')}\n\n`)).toEqual(keys);
});

const text = first.toString('base64');
test.each([
  ['a key without an id', text, 'key 1 must be id:key'],
  ['a short key', `a:${text.slice(4)}`, 'key 1 must be id:key'],
  ['a mistyped key', `a:${text.replace('=', '!')}`, 'key 1 must be id:key'],
  ['a key in base64url', `a:${Buffer.alloc(32, 255).toString('base64url')}`, 'key 1 must be'],
  ['the second one', `${entry('a', second)},b`, 'key 2 must be id:key'],
  ['no id', `:${text}`, 'key 1 must have an id'],
  ['one id twice', `a:${text},a:${text}`, 'key 2 has the id of an earlier one'],
  ['nothing', ' ,\n', 'must hold at least one key'],
])('%s is refused and not shown', (_, keys, message) => {
  const load = () => loadSettings({ CLOUDSYNC_ENCRYPTION_KEYS: keys || 'x' });
  expect(load).toThrow(`CLOUDSYNC_ENCRYPTION_KEYS: ${message}`);
  expect(load).not.toThrow(new RegExp(text.slice(4, 20).replace(/[+/]/g, '.')));
});

describe('a file of keys', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'cloudsync-keys-'))));
  afterAll(() => rm(folder, { recursive: true }));

  test('has one key on each line, as in a mounted secret', async () => {
    const file = join(folder, 'keys');
    await writeFile(file, `${entry('k2', second)}\n${entry('k1', first)}\n`);
    const { codec } = loadSettings({ CLOUDSYNC_ENCRYPTION_KEYS_FILE: file }).temporal;
    const [payload] = await codec!.encode([{ metadata: {}, data: Buffer.from('a') }]);
    expect(Buffer.from(payload!.metadata!['encryption-key-id']!).toString()).toBe('k2');
  });

  test('is refused if it does not exist, or if the list is given too', () => {
    const file = join(folder, 'absent');
    expect(() => loadSettings({ CLOUDSYNC_ENCRYPTION_KEYS_FILE: file })).toThrow(
      "CLOUDSYNC_ENCRYPTION_KEYS_FILE: the file can't be read (ENOENT)",
    );
    expect(() =>
      loadSettings({
        CLOUDSYNC_ENCRYPTION_KEYS_FILE: file,
        CLOUDSYNC_ENCRYPTION_KEYS: entry('a', first),
      }),
    ).toThrow(/CLOUDSYNC_ENCRYPTION_KEYS is given as well/);
  });
});

test('there is no codec without keys', () => {
  expect(loadSettings({}).temporal.codec).toBeUndefined();
});
