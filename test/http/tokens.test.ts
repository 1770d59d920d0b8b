import { createHash } from 'node:crypto';
import { createTokenSearch, newToken } from '../../src/http/tokens';
import { loadSettings } from '../../src/settings/config';

const [first, second] = [newToken(), newToken()];
const known = createTokenSearch([first, { name: 'next', hash: second.hash.toUpperCase() }]);

test('a new token has 256 random bits, and its hash is its SHA-256', () => {
  expect(first.token).toMatch(/^[\w-]{43}$/);
  expect(first.token).not.toBe(second.token);
  expect(first.hash).toBe(createHash('sha256').update(first.token).digest('hex'));
});

test.each([first.token, second.token])('each of several tokens is found', (token) => {
  const { hash } = [first, second].find((one) => one.token === token)!;
  expect(known(`Bearer ${token}`)?.hash.toLowerCase()).toBe(hash);
  expect(known(`bearer  ${token} `)).toBe(known(`Bearer ${token}`));
});

test.each([
  undefined,
  '',
  'Bearer',
  'Bearer ',
  `Basic ${first.token}`,
  first.token,
  `Bearer ${first.hash}`,
  `Bearer ${first.token}x`,
  `Bearer ${first.token.slice(1)}`,
  `Bearer ${first.token} ${second.token}`,
])('the Authorization header %j is refused', (authorization) =>
  expect(known(authorization)).toBeUndefined(),
);

test('every token is refused if no tokens are set', () => {
  expect(createTokenSearch([])(`Bearer ${first.token}`)).toBeUndefined();
});

test('CLOUDSYNC_API_TOKENS accepts hashes with and without a name', () => {
  const { tokens } = loadSettings({
    CLOUDSYNC_API_TOKENS: `${first.hash}, loader=${second.hash}`,
  }).api;
  expect(tokens).toEqual([{ hash: first.hash }, { name: 'loader', hash: second.hash }]);
});

test('CLOUDSYNC_API_TOKENS refuses a plain token, and the error does not show it', () => {
  const load = () => loadSettings({ CLOUDSYNC_API_TOKENS: `${first.hash},${first.token}` });
  expect(load).toThrow(/CLOUDSYNC_API_TOKENS\S*: must be SHA-256 hashes/);
  expect(load).not.toThrow(new RegExp(first.token));
});
