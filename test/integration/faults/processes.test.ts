import { BridgeProcesses } from '../support/bridge-processes';
import { messageValue, until } from '../support/world';

jest.setTimeout(240_000);

let processes: BridgeProcesses;
afterEach(() => processes.close());

const ids = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);

async function send(count: number): Promise<void> {
  const messages = ids(count).map((id) => ({ key: id, value: messageValue(id) }));
  await processes.world.send(processes.stream.topic, messages);
}

/** Expects each record once at the sink, no dead letters, no lag and no open workflows. */
async function expectSettled(count: number): Promise<void> {
  const { world, stream } = processes;
  await until('all files', async () => (await processes.files()).size >= count, 120_000);
  await until('all committed', async () => (await world.lag(stream)) === 0);
  await until('all workflows ended', async () => (await processes.openWorkflows()) === 0);
  const files = await processes.files();
  expect([...files.keys()].sort()).toEqual(
    ids(count)
      .map((id) => `${id}.json`)
      .sort(),
  );
  for (const id of ids(count)) expect(files.get(`${id}.json`)).toBe(String(messageValue(id)));
  const letters = await world.records(stream.deadLetterTopic);
  expect(
    letters.filter(({ headers }) => headers.some(([, value]) => String(value) === stream.topic)),
  ).toEqual([]);
}

/** `times` makes the number of workflows about the same in both lanes. */
describe.each([
  { lane: 'record', times: 1 },
  { lane: 'chunk', times: 5 },
])('in the $lane lane', ({ lane, times }) => {
  const settings = { CLOUDSYNC_LANE: lane, CLOUDSYNC_CHUNK_MAX_RECORDS: '5' };

  test('no record is lost or doubled when a bridge worker is killed in the middle of its work', async () => {
    processes = await BridgeProcesses.create(3, settings);
    const first = await processes.start();
    await send(300 * times);
    await until('half-way', async () => (await processes.files()).size >= 100 * times);
    expect(await first.end('SIGKILL')).toBeNull();
    expect((await processes.files()).size).toBeLessThan(300 * times);
    await processes.start();
    await expectSettled(300 * times);
  });

  test('a bridge worker drains, commits and exits 0 on SIGTERM, and the next one continues', async () => {
    processes = await BridgeProcesses.create(3, settings);
    const first = await processes.start();
    await send(300 * times);
    await until('half-way', async () => (await processes.files()).size >= 100 * times);
    expect(await first.end('SIGTERM')).toBe(0);
    const delivered = (await processes.files()).size;
    expect(delivered).toBeLessThan(300 * times);
    // Drained records are committed, so the next owner starts after them.
    expect(await processes.world.lag(processes.stream)).toBe(300 * times - delivered);
    await processes.start();
    await expectSettled(300 * times);
  });

  test('no record is lost or doubled when a second bridge worker joins and leaves under load', async () => {
    processes = await BridgeProcesses.create(4, settings);
    await processes.start();
    await send(400 * times);
    await until('under way', async () => (await processes.files()).size >= 50 * times);
    const second = await processes.start();
    await until('further', async () => (await processes.files()).size >= 200 * times);
    expect(await second.end('SIGTERM')).toBe(0);
    await expectSettled(400 * times);
  });
});
