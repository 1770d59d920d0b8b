import type { AnyStream } from '../../../src/domain/stream/stream';
import { startPage, type PageService } from '../../../src/processes/create-page';
import { createLogger } from '../../../src/telemetry/logger';
import { message, until, World } from '../support/world';
import { brokenStream as makeBrokenStream } from './support/broken-stream';

jest.setTimeout(180_000);

let world: World;
const pages: PageService[] = [];
beforeAll(() => (world = new World()));
afterAll(async () => {
  await Promise.all(pages.map((page) => page.stop()));
  await world.close();
});

/** A page with these streams, on which `ada` acts. */
async function pageOf(...streams: AnyStream[]) {
  const service = await startPage({
    ...{ kafka: world.settings.kafka, temporal: world.settings.temporal, streams },
    page: { host: '127.0.0.1', port: 0, tokens: [], readOnly: false, userHeader: 'x-user' },
    logger: createLogger('silent'),
  });
  pages.push(service);
  const headers = { accept: 'application/json', 'x-user': 'ada', origin: service.url };
  const answerOf = async <T>(path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${service.url}${path}`, { headers, ...init });
    return { status: answer.status, body: (await answer.json()) as T };
  };
  return {
    get: async <T>(path: string) => {
      const { status, body } = await answerOf<T>(path);
      if (status !== 200) throw new Error(`${path}: ${JSON.stringify(body)}`);
      return body;
    },
    post: <T = Record<string, unknown>>(path: string, form: object = {}) =>
      answerOf<T>(path, {
        ...{ method: 'POST', body: JSON.stringify(form) },
        headers: { ...headers, 'content-type': 'application/json' },
      }),
  };
}

type Page = Awaited<ReturnType<typeof pageOf>>;

interface Letters {
  letters: { messageId: string; status: string; deadLetter: { offset: number } }[];
  groups: { id: string; unsettled: number; errorType: string }[];
}

interface Audit {
  entries: { action: string; by: string; via: string; outcome: string; reason: string | null }[];
}

const lettersOf = (page: Page, { name }: AnyStream, query = '') =>
  page.get<Letters>(`/dead-letters?stream=${name}${query}`);

async function audit(page: Page): Promise<string[]> {
  const { entries } = await page.get<Audit>('/audit');
  return entries.map(({ action, by, via, outcome }) => `${action} ${by} ${via} ${outcome}`);
}

/** A broken stream that a bridge worker consumes. */
async function brokenStream(...given: [ids: string[], options?: object]) {
  const broken = await makeBrokenStream(world, ...given);
  await world.bridge(broken.stream);
  return broken;
}

interface Plan {
  plan: { id: string; runs: number; sends: number; making: string | null };
}

/** Plans a replay and confirms it. Resolves with its id. */
async function replay(page: Page, { name }: AnyStream, query = ''): Promise<string> {
  const path = `/streams/${name}/replay${query}`;
  const { plan } = await page.get<Plan>(path);
  expect(plan.making).toBeNull();
  const count = plan.runs + plan.sends;
  const { body, status } = await page.post<{ replay: string }>(path, {
    ...{ plan: plan.id, count, wait: true },
  });
  expect(status).toBe(200);
  return body.replay;
}

interface ShownReplay {
  replay: { state: string; by: string; counts: Record<string, number> };
  outcomes: { letter: string; outcome: string; end: string | null }[];
}

/** Waits until the replay is in this state, and resolves with it. */
async function replayOnce(page: Page, id: string, state: string): Promise<ShownReplay> {
  const path = `/replays/${id}`;
  const stateNow = async () => (await page.get<ShownReplay>(path)).replay?.state;
  await until(`replay ${id} is ${state}`, async () => (await stateNow()) === state);
  return page.get<ShownReplay>(path);
}

test('a person sees why a message was not delivered, mends it, replays it and sees it delivered', async () => {
  const { stream, state } = await brokenStream(['good', 'bad1', 'bad2', 'odd1']);
  const page = await pageOf(stream);
  await until('all are dead', async () => (await lettersOf(page, stream)).letters.length === 3);
  const { groups } = await lettersOf(page, stream);
  expect(groups.map(({ unsettled }) => unsettled)).toEqual([2, 1]);
  const ofGroup = await lettersOf(page, stream, `&group=${groups[0]!.id}`);
  expect(ofGroup.letters.map(({ messageId }) => messageId).sort()).toEqual(['bad1', 'bad2']);

  state.isBroken = false;
  const id = await replay(page, stream, `?group=${groups[0]!.id}`);
  const shown = await replayOnce(page, id, 'done');
  expect(shown.replay).toMatchObject({ by: 'ada', counts: { replayed: 2, delivered: 2 } });
  expect(shown.outcomes.map(({ outcome, end }) => `${outcome} ${end}`)).toEqual([
    'replayed delivered',
    'replayed delivered',
  ]);
  const left = await lettersOf(page, stream);
  expect(left.letters.map(({ messageId }) => messageId)).toEqual(['odd1']);
  const delivered = await lettersOf(page, stream, '&status=delivered');
  expect(delivered.letters).toHaveLength(2);
  expect(await audit(page)).toEqual(['replay ada page done']);
});

test('a letter that is discarded is closed with the reason, and no replay takes it until it is opened again', async () => {
  const { stream } = await brokenStream(['bad1', 'bad2', 'bad3']);
  const page = await pageOf(stream);
  await until('all are dead', async () => (await lettersOf(page, stream)).letters.length === 3);
  const act = (verb: string, query: string) => `/streams/${stream.name}/${verb}${query}`;

  expect((await page.post(act('discard', '?place=0:0'), {})).status).toBe(400);
  const one = await page.post(act('discard', '?place=0:0'), { reason: 'a test' });
  expect(one.body).toMatchObject({ outcome: 'discarded', count: 1 });
  // Several letters need their number.
  const without = await page.post(act('discard', '?type=Permanent'), { reason: 'all' });
  expect(without).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('2 letters would be discarded') as string },
  });
  const two = await page.post(act('discard', '?type=Permanent'), { reason: 'all', count: '2' });
  expect(two.body).toMatchObject({ outcome: 'discarded', count: 2 });
  expect((await lettersOf(page, stream)).letters).toEqual([]);
  const { plan } = await page.get<Plan>(act('replay', ''));
  expect(plan).toMatchObject({ runs: 0, sends: 0, refused: [{ count: 2 }, { count: 1 }] });

  await page.post(act('reopen', '?place=0:0'));
  const open = await lettersOf(page, stream);
  expect(open.letters.map(({ deadLetter }) => deadLetter.offset)).toEqual([0]);
  expect(await audit(page)).toEqual([
    'reopen ada page done',
    'discard ada page done',
    'discard ada page done',
  ]);
});

test('a stream that is paused and resumed on the page is so in its processes', async () => {
  const { stream, sink } = await brokenStream(['first']);
  const page = await pageOf(stream);
  const path = (verb: string) => `/streams/${stream.name}/${verb}`;
  await until('the first is delivered', () => sink.objects.size === 1);
  expect((await page.post(path('resume'))).status).toBe(409);
  const paused = await page.post(path('pause'), { reason: 'a release' });
  expect(paused.body).toMatchObject({ by: 'ada', reason: 'a release' });
  interface Overview {
    streams: { problems: { kind: string; text: string }[] }[];
  }
  const { streams } = await page.get<Overview>('/');
  expect(streams[0]!.problems).toMatchObject([
    { kind: 'paused', text: 'ada paused the stream: a release.' },
  ]);
  expect((await page.post(path('resume'))).body).toMatchObject({ outcome: 'resumed' });
  expect((await page.get<Overview>('/')).streams[0]!.problems).toEqual([]);
  await world.send(stream.topic, [message('second')]);
  await until('the second is delivered', () => sink.objects.size === 2);
  expect(await audit(page)).toEqual(['resume ada page done', 'pause ada page done']);
});

test('a letter that holds its key has the status held until somebody gives it up', async () => {
  const { stream, sink } = await brokenStream(['bad1'], {
    ...{ ordering: 'key', afterDeadLetter: 'hold' },
  });
  const page = await pageOf(stream);
  const held = async () => (await lettersOf(page, stream, '&status=held')).letters;
  await until('the key is held', async () => (await held()).length === 1);
  expect(await held()).toMatchObject([{ messageId: 'bad1', status: 'held' }]);
  const wrong = await page.post(`/streams/${stream.name}/give-up?partition=0&offset=99`);
  expect(wrong).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('is not the first dead record') as string },
  });
  const given = await page.post(`/streams/${stream.name}/give-up?partition=0&offset=0`);
  expect(given.body).toMatchObject({ givenUp: { offset: 0 }, next: null });
  expect((await lettersOf(page, stream)).letters).toMatchObject([{ status: 'open' }]);
  expect(sink.objects.size).toBe(0);
  expect(await audit(page)).toEqual(['giveUp ada page done', 'giveUp ada page failed']);
});

test('a replay is stopped and resumed on the page, and two at once are refused', async () => {
  const ids = Array.from({ length: 30 }, (_, n) => `bad${n}`);
  const { stream, state } = await brokenStream(ids);
  const page = await pageOf(stream);
  await until('all are dead', async () => (await lettersOf(page, stream)).letters.length === 30);
  state.isBroken = false;
  const path = `/streams/${stream.name}/replay`;
  const { plan } = await page.get<Plan>(path);
  // One letter a second: two more plans are made before the stop, which takes seconds on a busy machine.
  const begun = await page.post<{ replay: string }>(path, { plan: plan.id, count: 30, rate: 1 });
  const id = begun.body.replay;
  await until('some have run', async () => {
    const { outcomes } = await page.get<ShownReplay>(`/replays/${id}`);
    return outcomes.length > 2;
  });
  // A second click on the button.
  const again = await page.post(path, { plan: plan.id, count: 30 });
  expect(again).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('its replay has begun already') as string },
  });
  const { plan: other } = await page.get<Plan>(path);
  const second = await page.post(path, { plan: other.id, count: other.runs });
  expect(second).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('one replay at a time') as string },
  });
  expect((await page.post(`/replays/${id}/stop`)).body).toMatchObject({ stopped: true });
  const stopped = await replayOnce(page, id, 'stopped');
  expect(stopped.outcomes.length).toBeLessThan(30);
  expect((await page.post(`/replays/${id}/stop`)).status).toBe(409);
  expect((await page.post(`/replays/${id}/resume`)).status).toBe(200);
  const done = await replayOnce(page, id, 'done');
  expect(done.outcomes).toHaveLength(30);
  expect(new Set(done.outcomes.map(({ letter }) => letter)).size).toBe(30);
  expect(await audit(page)).toEqual([
    'resumeReplay ada page done',
    'stopReplay ada page done',
    'replay ada page failed',
    'replay ada page done',
  ]);
});

test('letters are listed page by page, and a link to the next page lasts longer than the page', async () => {
  const ids = Array.from({ length: 120 }, (_, n) => `bad${n}`);
  const { stream } = await brokenStream(ids);
  const page = await pageOf(stream);
  await until('all are dead', async () => {
    const { streams } = await page.get<{ streams: { letters: { open: number } | null }[] }>('/');
    return streams[0]!.letters?.open === 120;
  });
  interface Part extends Letters {
    next: string | null;
  }
  const seen: number[] = [];
  let next: string | null = '';
  // Each part comes from another page process.
  for (let part = 0; next !== null; part++) {
    const process = part === 1 ? await pageOf(stream) : page;
    const query: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`;
    const answer: Part = await process.get<Part>(`/dead-letters?stream=${stream.name}${query}`);
    seen.push(...answer.letters.map(({ deadLetter }) => deadLetter.offset));
    ({ next } = answer);
  }
  expect(seen).toEqual(Array.from({ length: 120 }, (_, n) => 119 - n));
});
