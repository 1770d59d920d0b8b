import { randomUUID } from 'node:crypto';
import { DeliveryError } from '../../../src/domain/errors';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { startPage, type PageService } from '../../../src/processes/create-page';
import { createLogger } from '../../../src/telemetry/logger';
import type { OverviewStream } from '../../../src/page/data/overview';
import { pageOfDeadLetters } from '../../../src/operations/dead-letters/dead-letters-page';
import { listOpen, pageOfWaiting } from '../../../src/temporal/waiting-workflows';
import { writeLetters } from '../support/sent-back';
import { message, until, World } from '../support/world';

jest.setTimeout(180_000);

const BIDI = '\u202e';
const HOSTILE = `<script>alert(1)</script>${BIDI}`;
const UI = 'http://temporal.example';

let world: World;
let page: PageService;
let stream: AnyStream;

/** A stream whose sink takes `good`, is away for `slow`, and refuses `bad` for good. */
beforeAll(async () => {
  world = new World();
  const retry = { fastAttempts: 1, maximumAttempts: 10, initialIntervalMs: 600_000 };
  const made = await world.stream({ partitions: 1, retry });
  ({ stream } = made);
  made.sink.before = ({ messageId }) => {
    if (messageId === 'bad') throw new DeliveryError('Permanent', `no account ${HOSTILE}`);
    if (messageId === 'slow') throw new DeliveryError('Transient', 'the database is down');
  };
  await world.send(stream.topic, [
    message('good'),
    { ...message('bad', { secret: 'opensesame' }), headers: { origin: HOSTILE } },
    message('slow'),
    { key: null, value: Buffer.from([0, 1, 2, 255]) },
  ]);
  await world.bridge(stream);
  page = await startPage({
    ...{ kafka: world.settings.kafka, temporal: world.settings.temporal, streams: [stream] },
    page: { host: '127.0.0.1', port: 0, tokens: [], readOnly: true, temporalUi: UI },
    logger: createLogger('silent'),
  });
});
afterAll(async () => {
  await page?.stop();
  await world.close();
});

const ask = (path: string, accept: string) => fetch(`${page.url}${path}`, { headers: { accept } });

async function html(path: string): Promise<string> {
  const answer = await ask(path, 'text/html');
  expect(answer.status).toBe(200);
  const text = await answer.text();
  expect(text).not.toContain('<script>alert');
  expect(text).not.toContain(BIDI);
  return text;
}

async function json<T>(path: string): Promise<T> {
  const answer = await ask(path, 'application/json');
  expect(answer.status).toBe(200);
  return (await answer.json()) as T;
}

interface Letters {
  letters: { messageId: string | null; deadLetter: { offset: number }; status: string }[];
  next: string | null;
  notices: string[];
}
async function letters(query = ''): Promise<Letters> {
  return json<Letters>(`/dead-letters?stream=${stream.name}${query}`);
}

/** Waits for both dead letters. Resolves with the path of the screen of the message `bad`. */
async function letterOfBad(): Promise<string> {
  await until('both are dead', async () => (await letters()).letters.length === 2);
  const found = (await letters()).letters.find(({ messageId }) => messageId === 'bad')!;
  return `/dead-letters/${stream.name}/0/${found.deadLetter.offset}`;
}

test('the overview and the screen of a stream show its dead letters and what is retried', async () => {
  await letterOfBad();
  const kinds = async () => {
    const { streams } = await json<{ streams: OverviewStream[] }>('/');
    return streams[0]!.problems.map(({ kind }) => kind);
  };
  await until(
    'the overview knows all',
    async () => (await kinds()).join() === 'retrying,deadLetters',
  );
  const overview = await html('/');
  expect(overview).toContain('2 dead letters are open.');
  expect(overview).toContain('Transient: the database is down');
  expect(overview).toContain(`cloudsync dlq replay --stream ${stream.name}`);
  const path = `/streams/${stream.name}`;
  const one = await json<{ stream: OverviewStream }>(path);
  expect(one.stream.status).toMatchObject({ delivered: 1, running: 1, lagByPartition: { 0: 0 } });
  expect(await html(path)).toMatch(/<dt>delivered<\/dt><dd>1<\/dd>/);
});

test('the list of dead letters filters by type, text, status and time', async () => {
  await letterOfBad();
  const idsOf = async (query: string) =>
    (await letters(query)).letters.map(({ messageId }) => messageId);
  expect(await idsOf('')).toEqual(expect.arrayContaining(['bad', null]));
  expect(await idsOf('&type=Permanent')).toEqual(['bad']);
  expect(await idsOf('&q=ACCOUNT')).toEqual(['bad']);
  expect(await idsOf('&status=discarded')).toEqual([]);
  expect(await idsOf('&since=2100-01-01')).toEqual([]);
  const list = await html(`/dead-letters?stream=${stream.name}&q=account`);
  expect(list).toContain('Permanent: no account &lt;script');
  expect(list).toContain('⟨U+202E⟩');
  expect(list).not.toContain('opensesame');
});

test('the screen of a dead letter hides the value until it is asked for', async () => {
  const path = await letterOfBad();
  const hidden = await html(path);
  expect(hidden).toContain('hidden until you ask for them');
  expect(hidden).not.toContain('opensesame');
  expect(hidden).toContain(`href="${UI}/namespaces/default/workflows/${stream.name}-bad-1/`);
  expect(hidden).toContain('&lt;script>alert(1)&lt;/script>⟨U+202E⟩</code>');
  expect(hidden).toContain(`cloudsync dlq replay ${path.split('/').slice(3).join(':')} --stream`);
  expect(JSON.stringify(await json(path))).not.toContain('opensesame');

  expect(await html(`${path}?value=decoded`)).toContain('opensesame');
  expect(await json(`${path}?value=decoded`)).toMatchObject({
    status: 'open',
    letter: { messageId: 'bad', errorType: 'Permanent', attempts: 1 },
    headers: [['origin', HOSTILE]],
    value: { view: 'decoded', text: expect.stringContaining('"secret": "opensesame"') as string },
  });
  const download = await ask(`${path}/value`, '*/*');
  expect(download.headers.get('content-disposition')).toMatch(/^attachment; filename="[^"]+"$/);
  expect(Buffer.from(await download.arrayBuffer())).toEqual(
    message('bad', { secret: 'opensesame' }).value,
  );
});

test('a value that is no text is shown by its bytes', async () => {
  await letterOfBad();
  const { letters: all } = await letters();
  const binary = all.find(({ messageId }) => messageId === null)!;
  const path = `/dead-letters/${stream.name}/0/${binary.deadLetter.offset}`;
  expect(await html(`${path}?value=decoded`)).toContain('00 01 02 ff');
});

test('the screen of what waits names the error and the attempt of a workflow that is retried', async () => {
  interface Waiting {
    workflows: { messageId: string; attempt: number; errorMessage: string; kind: string }[];
  }
  const path = `/waiting?stream=${stream.name}`;
  await until('it waits', async () => (await json<Waiting>(path)).workflows.length === 1);
  expect((await json<Waiting>(path)).workflows).toEqual([
    expect.objectContaining({
      ...{ messageId: 'slow', kind: 'retrying', errorType: 'Transient' },
      errorMessage: 'the database is down',
    }),
  ]);
  expect(await html(path)).toContain('Transient: the database is down');
});

test('a trace shows the records, runs and dead letters of a message', async () => {
  await letterOfBad();
  expect(await json('/trace/bad')).toMatchObject({
    messageId: 'bad',
    streams: [{ name: stream.name, verdict: 'dead-lettered' }],
    notices: [],
  });
  expect(await html('/trace/bad')).toContain(`${stream.name}</a>: dead-lettered`);
  expect(await html('/trace/nobody')).toContain('Nothing is known of this message');
});

test('the list of replays says how to begin one if there is none', async () => {
  expect(await json('/replays')).toEqual({ replays: [], next: null, notices: [] });
  expect(await html('/replays')).toContain('cloudsync dlq replay --stream NAME');
});

test('pages of dead letters follow each other by their cursors, each letter on one page', async () => {
  await letterOfBad();
  const pages: (string | null)[][] = [];
  let cursor: string | undefined;
  do {
    const options = { names: [stream.name], limit: 1, maxRead: 100, cursor };
    const one = await pageOfDeadLetters(world.kafka(), [stream], options);
    pages.push(one.letters.map(({ messageId }) => messageId));
    cursor = one.next ?? undefined;
  } while (cursor !== undefined);
  expect(pages).toHaveLength(2);
  expect(pages.flat()).toEqual(expect.arrayContaining(['bad', null]));
});

test('a page that has read enough ends without a match, and the next page searches on', async () => {
  await letterOfBad();
  const options = { names: [stream.name], limit: 1, maxRead: 1, text: 'nowhere' };
  const first = await pageOfDeadLetters(world.kafka(), [stream], options);
  expect(first).toMatchObject({ letters: [], read: 1 });
  expect(first.next).not.toBeNull();
  const second = await pageOfDeadLetters(world.kafka(), [stream], {
    ...options,
    cursor: first.next!,
  });
  expect(second).toEqual({ letters: [], next: null, read: 1 });
});

test('pages of waiting workflows follow each other by their cursors', async () => {
  const { client } = await world.temporal();
  await until('it is open for long enough', async () => {
    return (await listOpen(client, [stream])).length === 1;
  });
  const [run] = await listOpen(client, [stream]);
  const earlier = {
    ...run!,
    startedAt: run!.startedAt - 1_000,
    runId: randomUUID(),
    workflowId: 'gone',
  };
  const first = await pageOfWaiting(client, [earlier, run!], { limit: 1 });
  expect(first).toMatchObject({ workflows: [], lookedAt: 1, open: 2 });
  const second = await pageOfWaiting(client, [earlier, run!], { limit: 1, cursor: first.next! });
  expect(second).toMatchObject({ workflows: [{ messageId: 'slow' }], next: null });
});

test('a page below a path answers a proxy that strips the path, and one that does not', async () => {
  const { kafka, temporal } = world.settings;
  const settings = {
    host: '127.0.0.1',
    port: 0,
    tokens: [],
    readOnly: true,
    basePath: '/ops/page',
  };
  const below = await startPage({
    ...{ kafka, temporal, streams: [stream], page: settings },
    logger: createLogger('silent'),
  });
  try {
    expect(below.url).toMatch(/\/ops\/page$/);
    const { origin } = new URL(below.url);
    for (const path of ['/ops/page/trace?id=', '/trace?id=', '/ops/page']) {
      const answer = await fetch(`${origin}${path}`, { headers: { accept: 'text/html' } });
      expect(answer.status).toBe(200);
      const links = [...(await answer.text()).matchAll(/(?:href|src|action)="([^"#]*)"/g)];
      expect(links.length).toBeGreaterThan(5);
      expect(links.filter(([, link]) => !link!.startsWith('/ops/page/'))).toEqual([]);
      const [, style] = links.find(([, link]) => link!.endsWith('.css'))!;
      expect((await fetch(`${origin}${style}`)).status).toBe(200);
      expect((await fetch(`${origin}${style!.slice('/ops/page'.length)}`)).status).toBe(200);
    }
    expect((await fetch(`${origin}/livez`)).status).toBe(200);
  } finally {
    await below.stop();
  }
});

test('the screen of a letter that repeats another says so, and offers no action', async () => {
  const made = await world.stream({ partitions: 1 });
  const own = await startPage({
    ...{ kafka: world.settings.kafka, temporal: world.settings.temporal, streams: [made.stream] },
    page: { host: '127.0.0.1', port: 0, tokens: [], readOnly: false },
    logger: createLogger('silent'),
  });
  try {
    // The second letter tells of the same run as the first one.
    for (let time = 1; time <= 2; time++) await writeLetters(world, made.stream, ['a']);
    const screen = (offset: number, accept: string) =>
      fetch(`${own.url}/dead-letters/${made.stream.name}/0/${offset}`, { headers: { accept } });
    const shown = async (offset: number) =>
      (await (await screen(offset, 'application/json')).json()) as unknown;
    expect(await shown(0)).toMatchObject({ status: 'open', isRepeat: false });
    expect(await shown(1)).toMatchObject({ status: null, isRepeat: true });
    const text = await (await screen(1, 'text/html')).text();
    expect(text).toContain('An earlier letter of the same run counts in place of this one');
    expect(text).not.toContain('Discard the letter');
  } finally {
    await own.stop();
  }
});

test.each(['/trace/%E0%A4%A', '/streams/%', '/%'])(
  'the address %s, which is not percent-encoded UTF-8, gets an answer of the page',
  async (path) => {
    const answer = await ask(path, 'text/html');
    expect([answer.status, await answer.text()]).toEqual([
      404,
      expect.stringContaining('There is no such screen'),
    ]);
    const forPrograms = await ask(path, 'application/json');
    expect(forPrograms.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  },
);
