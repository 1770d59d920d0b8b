import type { FastifyInstance, FastifyRequest } from 'fastify';
import { newToken } from '../../src/http/tokens';
import { operator } from '../../src/operations/operator';
import { ACTIONS } from '../../src/page/actions';
import { requireCount } from '../../src/page/actions/action';
import type { OperatorPageOptions } from '../../src/page/options';
import { createGuard } from '../../src/page/security/guard';
import { pageApp } from './support/page-app';

const { token, hash } = newToken();

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

const ADDRESSES = ACTIONS.map(({ path }) =>
  path.replace(':name', 'payments').replace(':id', 'r1').concat('?partition=0&offset=0'),
);

const ask = (method: 'GET' | 'POST', url: string, headers: Record<string, string> = {}) =>
  app!.inject({
    ...{ method, url },
    ...(method === 'POST' && { payload: {} }),
    headers: { host: 'localhost', 'sec-fetch-site': 'same-origin', ...headers },
  });

describe('a page that is read-only', () => {
  test.each(ADDRESSES)('has nothing at %s', async (url) => {
    app = await pageApp({ readOnly: true });
    expect((await ask('GET', url)).statusCode).toBe(404);
    expect((await ask('POST', url)).statusCode).toBe(404);
  });
});

test.each(ADDRESSES)(
  'an action at %s is refused without a session, and from another site',
  async (url) => {
    app = await pageApp({ tokens: [{ hash }] });
    expect((await ask('GET', url)).statusCode).toBe(401);
    expect((await ask('POST', url)).statusCode).toBe(401);
    const authorization = `Bearer ${token}`;
    const foreign = await ask('POST', url, { authorization, 'sec-fetch-site': 'cross-site' });
    expect(foreign.statusCode).toBe(403);
  },
);

test('authorize learns which action a request wants, for the question and for the deed', async () => {
  const asked: string[] = [];
  app = await pageApp({
    user: () => 'ada',
    authorize: (_, action) => {
      asked.push(action);
      return false;
    },
  });
  for (const url of ADDRESSES) {
    expect((await ask('GET', url)).statusCode).toBe(403);
    expect((await ask('POST', url)).statusCode).toBe(403);
  }
  expect(asked).toEqual(ACTIONS.flatMap(({ action }) => [action, action]));
});

test.each([
  ['/streams/nobody/pause', {}],
  ['/streams/nobody/discard', { reason: 'x' }],
  ['/streams/nobody/replay', { plan: 'x' }],
])(
  'the address %s of a stream that the page does not have is answered with 404',
  async (url, payload) => {
    app = await pageApp();
    expect((await ask('GET', url)).statusCode).toBe(404);
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const deed = await app.inject({
      ...{ method: 'POST', url, payload },
      headers: { host: 'localhost', 'sec-fetch-site': 'same-origin', ...headers },
    });
    expect(deed.statusCode).toBe(404);
  },
);

test.each([
  ['/streams/payments/discard?place=0:1', { reason: ' ' }],
  ['/streams/payments/discard?place=nonsense', { reason: 'x' }],
  // The form of a list of which nothing was chosen.
  ['/streams/payments/discard?place=', { reason: 'x' }],
  // A misspelt filter must not mean all letters.
  ['/streams/payments/discard?error-type=Permanent', { reason: 'x' }],
  ['/streams/payments/discard', { reason: 'x', place: '0:1' }],
  ['/streams/payments/pause', { reason: 'x'.repeat(501) }],
  ['/streams/payments/replay', { plan: 'x', rate: 0 }],
  ['/streams/payments/give-up', {}],
])('a form at %s with %j is answered with 400', async (url, payload) => {
  app = await pageApp();
  const answer = await app.inject({
    ...{ method: 'POST', url, payload },
    headers: { host: 'localhost', 'sec-fetch-site': 'same-origin', accept: 'application/json' },
  });
  expect(answer.json()).toMatchObject({ status: 400 });
});

test('a form that was shown to somebody else is refused', async () => {
  app = await pageApp();
  const answer = await app.inject({
    ...{ method: 'POST', url: '/streams/payments/pause', payload: { as: 'eve', reason: '' } },
    headers: { host: 'localhost', 'sec-fetch-site': 'same-origin', accept: 'application/json' },
  });
  expect(answer.json()).toMatchObject({
    status: 409,
    detail: expect.stringContaining('this question was shown to eve') as string,
  });
});

test('a plan that the page does not know is not carried out', async () => {
  app = await pageApp();
  const answer = await app.inject({
    ...{ method: 'POST', url: '/streams/payments/replay', payload: { plan: 'x', count: 1 } },
    headers: { host: 'localhost', 'sec-fetch-site': 'same-origin', accept: 'application/json' },
  });
  expect(answer.json()).toMatchObject({ status: 409 });
});

test('a count that is not the one of the question is refused with both', () => {
  expect(() => requireCount(3, 3, 'are replayed')).not.toThrow();
  expect(() => requireCount(2, 3, 'are replayed')).toThrow('You have typed 2, and 3 are replayed.');
  expect(() => requireCount(undefined, 3, 'are replayed')).toThrow('You have typed no number');
});

describe('who acts', () => {
  const userOf = (
    options: Partial<OperatorPageOptions>,
    headers: Record<string, string> = {},
    cookies: Record<string, string> = {},
  ) => createGuard(options).userOf({ headers, cookies } as unknown as FastifyRequest);
  const tokens = [{ hash: newToken().hash }, { name: 'ada', hash }];
  const authorization = `Bearer ${token}`;

  test('is whoever runs the process, if nobody logs in', () => {
    expect(userOf({})).toBe(operator());
  });

  test('is the name of the token, in the cookie as in the header', () => {
    expect(userOf({ tokens }, { authorization })).toBe('ada');
    expect(userOf({ tokens }, {}, { cloudsync_page: token })).toBe('ada');
    const nameless = userOf({ tokens: [{ hash }] }, { authorization });
    expect(nameless).toBe(`token ${hash.slice(0, 8)}`);
  });

  test('is the person whom the proxy names, with the token, only if the header is set', () => {
    const headers = { authorization, 'x-forwarded-user': 'eve' };
    expect(userOf({ tokens, userHeader: 'X-Forwarded-User' }, headers)).toBe('eve (ada)');
    expect(userOf({ tokens }, headers)).toBe('ada');
  });

  test('is what the program says, which must say it if it decides who is let in', () => {
    expect(userOf({ authorize: () => true, user: () => 'x'.repeat(500) })).toBe('x'.repeat(200));
    expect(() => createGuard({ authorize: () => true })).toThrow('authorize and no user');
    expect(() => createGuard({ authorize: () => true, readOnly: true })).not.toThrow();
  });
});
