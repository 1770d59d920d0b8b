import type { FastifyInstance } from 'fastify';
import type { ListedReplay } from '../../src/operations/replay/replay-list';
import type { HistoryView } from '../../src/page/history/stream-history';
import type { PageData } from '../../src/page/data/page-data';
import { replays } from '../../src/page/screens/replays';
import { pageApp, payments } from './support/page-app';

let app: FastifyInstance;
afterEach(() => app?.close());

const get = (url: string, accept = 'text/html') =>
  app.inject({ method: 'GET', url, headers: { host: 'localhost', accept } });

describe('while Kafka and Temporal are away', () => {
  test.each([
    '/',
    '/streams/payments',
    '/dead-letters',
    '/waiting',
    '/trace/a',
    '/replays',
    '/audit',
  ])(
    'the screen %s says so in a notice, with the rest of the screen',
    async (url) => {
      app = await pageApp();
      const answer = await get(url);
      expect(answer.statusCode).toBe(200);
      expect(answer.body).toContain('class="notice"');
      expect(answer.body).toContain('<h1>');
      const { notices } = (await get(url, 'application/json')).json<{ notices: string[] }>();
      expect(notices.length).toBeGreaterThan(0);
      expect(notices.join()).toMatch(/127\.0\.0\.1:1/);
    },
    30_000,
  );

  test('the overview still names the streams and their topics', async () => {
    app = await pageApp();
    const { body } = await get('/');
    expect(body).toContain('payments');
    expect(body).toContain('shop.payments');
    expect(body).toContain('More is not known: see the notices.');
  }, 30_000);

  test('the screen of a dead letter is answered with 503 and the reason', async () => {
    app = await pageApp();
    const answer = await get('/dead-letters/payments/0/0', 'application/json');
    expect(answer.json()).toMatchObject({
      status: 503,
      detail: expect.stringMatching(/^Kafka does not answer: /) as string,
    });
  }, 30_000);
});

test.each([
  '/dead-letters?status=nonsense',
  '/dead-letters?since=yesterday',
  '/dead-letters?since=2h&since=3h',
  '/dead-letters/payments/x/0',
  '/dead-letters/payments/0/-1',
  '/dead-letters/payments/0/0?value=nonsense',
  '/dead-letters/payments/0/x/value',
])('the address %s is answered with 400, to people and programs', async (url) => {
  app = await pageApp();
  expect((await get(url)).statusCode).toBe(400);
  const answer = await get(url, 'application/json');
  expect(answer.statusCode).toBe(400);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
});

test.each(['/streams/nobody', '/dead-letters/nobody/0/0', '/nonsense'])(
  'the address %s of nothing is answered with 404',
  async (url) => {
    app = await pageApp();
    expect((await get(url)).statusCode).toBe(404);
  },
);

test('the history of a stream has gaps only while Kafka is away', async () => {
  app = await pageApp();
  const { series } = (await get('/streams/payments/history')).json<HistoryView>();
  expect(Object.keys(series).sort()).toEqual([
    ...['deadLetters', 'delivered', 'duplicates', 'lag', 'lagSeconds', 'retries'],
  ]);
  for (const values of Object.values(series)) expect(new Set(values)).toEqual(new Set([null]));
});

test('links keep all filters, and a page below a prefix links only below it', async () => {
  app = await pageApp({}, '/ops');
  const { body } = await get(
    '/ops/dead-letters?stream=payments&status=all&q=a%26b&cursor=shop/0@5',
  );
  expect(body).toContain('href="/ops/dead-letters?stream=payments&amp;status=all&amp;q=a%26b"');
  expect(body).toContain('value="a&amp;b"');
  const links = [...body.matchAll(/(?:href|action)="([^"#]*)"/g)].map(([, link]) => link!);
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((link) => !link.startsWith('/ops'))).toEqual([]);
}, 30_000);

test('every screen has a language, one main landmark, one heading of the first level, and labelled fields', async () => {
  app = await pageApp();
  for (const url of ['/trace', '/trace?id=', '/nonsense']) {
    const { body } = await get(url);
    expect(body).toContain('<html lang="en">');
    expect(body.match(/<main/g)).toHaveLength(1);
    expect(body.match(/<h1/g)).toHaveLength(1);
    expect(body.replace(/<label>[^]*?<\/label>/g, '')).not.toMatch(
      /<(input|select)(?! type="hidden")/,
    );
  }
});

test('pages of replays follow each other by their cursors, the newest first', async () => {
  const all = Array.from({ length: 120 }, (_, index): ListedReplay => {
    const at = new Date(Date.UTC(2026, 0, 1) + Math.floor(index / 2) * 1_000).toISOString();
    return {
      ...{ replay: `r${index}`, stream: 'payments', by: 'ada@host', at, state: 'done' },
      ...{ endedAt: at, filters: {}, progress: null, counts: {} },
    };
  });
  const data = {
    streams: [payments],
    stream: () => payments,
    replays: () => Promise.resolve({ value: all }),
  } as unknown as PageData;
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const model = (await replays.load(data, { stream: undefined, cursor }))!;
    seen.push(...model.replays.map(({ replay }) => replay));
    cursor = model.next ?? undefined;
  } while (cursor !== undefined);
  expect(new Set(seen).size).toBe(120);
  expect(seen).toHaveLength(120);
  expect(seen.slice(0, 2).sort()).toEqual(['r118', 'r119']);
});
