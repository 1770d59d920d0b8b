import type { FastifyInstance, InjectOptions } from 'fastify';
import { newToken } from '../../src/http/tokens';
import type { OperatorPageOptions } from '../../src/page/options';
import { pageApp } from './support/page-app';

const { token, hash } = newToken();
const SECURED = { tokens: [{ name: 'ada', hash }] };
/** A screen that asks no server. */
const SCREEN = '/trace';

let app: FastifyInstance;
afterEach(() => app.close());

async function start(options: Partial<OperatorPageOptions> = {}, prefix = ''): Promise<void> {
  app = await pageApp(options, prefix);
}

const get = (url: string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'GET', url, headers: { host: 'localhost:8090', ...headers } });

const post = (url: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  app.inject({
    ...{ method: 'POST', url, payload: new URLSearchParams(form).toString() },
    headers: {
      host: 'page.example',
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      ...headers,
    },
  } satisfies InjectOptions);

test.each(['/trace', '/no-such-screen', '/streams/nobody'])(
  'every answer, as to %s, forbids foreign code, frames, sniffing, referrers and storing',
  async (url) => {
    await start();
    const { headers } = await get(url);
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    });
  },
);

test.each([
  ['/ops/trace', { files: 4, scripts: 2 }],
  ['/ops/streams/payments', { files: 7, scripts: 4 }],
])(
  '%s has no script and no style in it, and loads all files from the page itself',
  async (url, expected) => {
    await start({}, '/ops');
    const { body } = await get(url);
    expect(body).not.toMatch(/<style|style=|\son[a-z]+=|javascript:/i);
    const files = [...body.matchAll(/(?:src|href)="([^"]*\/assets\/[^"]*)"/g)].map(
      ([, file]) => file!,
    );
    expect(files).toHaveLength(expected.files);
    for (const file of files) {
      expect(file).toMatch(/^\/ops\/assets\/[a-z]+-[0-9a-f]{16}\.(js|css|svg)$/);
      const answer = await get(file);
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['cache-control']).toContain('immutable');
    }
    expect(body.match(/<script/g)).toHaveLength(expected.scripts);
  },
);

describe('without tokens', () => {
  test.each(['localhost:8090', '127.0.0.1:8090', '[::1]:8090', 'localhost'])(
    'a request to %s is let in',
    async (host) => {
      await start();
      expect((await get(SCREEN, { host })).statusCode).toBe(200);
    },
  );

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8090', '10.0.0.1'])(
    'a request to %s is refused, because the name may lead here for a foreign page only',
    async (host) => {
      await start();
      expect((await get(SCREEN, { host })).statusCode).toBe(403);
    },
  );

  test('there is no login', async () => {
    await start();
    expect((await post('/login', { token }, { host: 'localhost' })).statusCode).toBe(404);
  });
});

describe('with tokens', () => {
  test('a person without a session gets the login form, and a program gets problem details', async () => {
    await start(SECURED);
    const person = await get(SCREEN, { accept: 'text/html' });
    expect(person.statusCode).toBe(401);
    expect(person.body).toContain('name="token"');
    expect(person.body).not.toContain('payments');
    const program = await get(SCREEN, { accept: 'application/json' });
    expect(program.json()).toMatchObject({ status: 401 });
    expect(program.headers['www-authenticate']).toContain('Bearer');
  });

  test('the token becomes a cookie that no script reads and no other site sends', async () => {
    await start(SECURED);
    const answer = await post('/login', { token, next: '/trace?id=a' });
    expect(answer.statusCode).toBe(303);
    expect(answer.headers.location).toBe('/trace?id=a');
    const [cookie] = answer.cookies;
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
    expect(cookie).not.toHaveProperty('maxAge');
    const headers = { host: 'page.example', cookie: `${cookie!.name}=${cookie!.value}` };
    expect((await get(SCREEN, headers)).statusCode).toBe(200);
    expect((await get(SCREEN, { cookie: `${cookie!.name}=${hash}` })).statusCode).toBe(401);
    const out = await post('/logout', {}, headers);
    expect(out.cookies[0]).toMatchObject({ name: cookie!.name, value: '' });
  });

  test('the numbers of the plots are for those who have logged in, also if their address is wrong', async () => {
    await start(SECURED);
    const history = '/streams/payments/history';
    for (const url of [history, `${history}?partition=x`, '/streams/nobody/history']) {
      expect((await get(url)).statusCode).toBe(401);
    }
    const headers = { host: 'page.example', authorization: `Bearer ${token}` };
    expect((await get(history, headers)).statusCode).toBe(200);
  });

  test('a program is let in with a bearer token', async () => {
    await start(SECURED);
    const answer = await get(SCREEN, {
      ...{ host: 'page.example', accept: 'application/json' },
      authorization: `Bearer ${token}`,
    });
    expect(answer.statusCode).toBe(200);
  });

  test.each([
    ['its hash', hash],
    ['nothing', ''],
    ['another token', newToken().token],
    ['a part of it', token.slice(1)],
  ])('whoever sends %s in place of the token is not logged in', async (_, wrong) => {
    await start(SECURED);
    const answer = await post('/login', { token: wrong });
    expect(answer.statusCode).toBe(401);
    expect(answer.cookies).toEqual([]);
    expect(answer.body).toContain('not one of the tokens');
  });

  test.each([
    '//evil.example/',
    'https://evil.example/',
    '/\\evil.example',
    '/ops/..\\x',
    '/\t/evil.example',
    '/other',
    'javascript:alert(1)',
  ])('after the login nobody is sent to %j', async (next) => {
    await start(SECURED, '/ops');
    const answer = await post('/ops/login', { token, next });
    expect(answer.headers.location).toBe('/ops/');
  });
});

describe('a write', () => {
  const login = async (headers: Record<string, string | undefined>) => {
    await start(SECURED);
    const given = Object.entries(headers).filter(([, value]) => value !== undefined);
    const answer = await app.inject({
      ...{ method: 'POST', url: '/login', payload: new URLSearchParams({ token }).toString() },
      headers: {
        host: 'page.example:8090',
        'content-type': 'application/x-www-form-urlencoded',
        ...(Object.fromEntries(given) as Record<string, string>),
      },
    });
    return answer.statusCode;
  };

  test.each<Record<string, string>>([
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { origin: 'http://page.example:8090' },
    { origin: 'https://PAGE.example:8090' },
    { origin: 'https://front.example', 'x-forwarded-host': 'Front.example, page.example:8090' },
  ])('is taken with %j', async (headers) => {
    expect(await login(headers)).toBe(303);
  });

  test.each<Record<string, string>>([
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: 'http://page.example:8090' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://page.example:8090' },
    { origin: 'http://evil.example' },
    { origin: 'http://page.example' },
    { origin: 'null' },
    { origin: 'null', 'x-forwarded-host': '' },
    { origin: 'http://evil.example', 'x-forwarded-host': 'front.example' },
    {
      'sec-fetch-site': 'cross-site',
      origin: 'https://a.example',
      'x-forwarded-host': 'a.example',
    },
  ])('is refused with %j', async (headers) => {
    expect(await login(headers)).toBe(403);
  });
});

test('authorize decides in place of tokens, and learns when a value is asked for', async () => {
  const asked: string[] = [];
  await start({
    ...SECURED,
    user: () => 'ada',
    authorize: ({ headers }, action) => {
      asked.push(action);
      return headers['x-user'] === 'ada' && action === 'view';
    },
  });
  expect((await get(SCREEN, { host: 'page.example', 'x-user': 'ada' })).statusCode).toBe(200);
  expect((await get(SCREEN, { authorization: `Bearer ${token}` })).statusCode).toBe(403);
  const letter = '/dead-letters/payments/0/0';
  for (const url of [`${letter}?value=raw`, `${letter}/value`]) {
    expect((await get(url, { 'x-user': 'ada' })).statusCode).toBe(403);
  }
  expect(asked).toEqual(['view', 'view', 'viewValue', 'viewValue']);
});

test('a page that only shows says so, and answers no writes', async () => {
  await start({ readOnly: true });
  expect((await get(SCREEN)).body).toContain('This page only shows.');
  for (const method of ['POST', 'PUT', 'DELETE'] as const) {
    const headers = { host: 'localhost', 'sec-fetch-site': 'same-origin' };
    const answer = await app.inject({ method, url: '/dead-letters', headers });
    expect(answer.statusCode).toBe(404);
  }
});
