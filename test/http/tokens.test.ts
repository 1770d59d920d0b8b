import { createHash } from 'node:crypto';
import { createTokenCheck, newToken } from '../../src/http/tokens';
import { loadSettings } from '../../src/settings/config';

const [first, second] = [newToken(), newToken()];
const known = createTokenCheck([first, { name: 'next', hash: second.hash.toUpperCase() }]);

test('a new token has 256 random bits, and its hash is its SHA-256', () => {
  expect(first.token).toMatch(/^[\w-]{43}$/);
  expect(first.token).not.toBe(second.token);
  expect(first.hash).toBe(createHash('sha256').update(first.token).digest('hex'));
});

test.each([first.token, second.token])('each of several tokens is accepted', (token) => {
  expect(known(`Bearer ${token}`)).toBe(true);
  expect(known(`bearer  ${token} `)).toBe(true);
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
  expect(known(authorization)).toBe(false),
);

test('every token is refused if no tokens are set', () => {
  expect(createTokenCheck([])(`Bearer ${first.token}`)).toBe(false);
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
