import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deadLetterHeader } from '../../../src/domain/workflow/dead-letter';
import { BridgeProcesses } from '../support/bridge-processes';
import { orderedStream } from './support/ordered-stream';
import { until } from '../support/world';

jest.setTimeout(240_000);

const MODULE = join(__dirname, 'support', 'ordered-stream.ts');
const KEYS = 200;
const RECORDS_PER_KEY = 3;
const BEHIND_STUCK = 30;

let processes: BridgeProcesses;
afterEach(() => processes.close());

interface End {
  id: string;
  at: number;
}

/** The first delivery of each message, in order. */
async function deliveries(): Promise<End[]> {
  const lines = await readFile(join(processes.directory, 'deliveries'), 'utf8').catch(() => '');
  const ends = new Map<string, End>();
  for (const line of lines.split('\n').filter(Boolean)) {
    const [at, id] = line.split(' ') as [string, string];
    if (!ends.has(id)) ends.set(id, { id, at: Number(at) });
  }
  return [...ends.values()];
}

/** The first letter of each dead message. `at` is the time of its failure. */
async function deadLetters(): Promise<End[]> {
  const { world, stream } = processes;
  const ends = new Map<string, End>();
  for (const letter of await world.records(stream.deadLetterTopic)) {
    const { id } = JSON.parse(letter.value!.toString()) as { id: string };
    const at = Date.parse(deadLetterHeader(letter, 'failed-at')!);
    if (at < (ends.get(id)?.at ?? Infinity)) ends.set(id, { id, at });
  }
  return [...ends.values()];
}

function value(key: string, number: number, type: string): Buffer {
  const [id, occurredAt] = [`${key}-${number}`, '2026-01-01T00:00:00Z'];
  return Buffer.from(JSON.stringify({ id, type, occurredAt, payload: {} }));
}

/** Most messages are delivered at once, some are slow, and some die. */
function typeOf(key: number, number: number): string {
  const kind = (key * RECORDS_PER_KEY + number * 7) % 20;
  return kind === 0 ? 'dead' : kind === 1 || kind === 2 ? 'slow' : 'plain';
}

test.each(['record', 'chunk'])(
  'in the %s lane records of a key end in order in spite of a kill, failures and a stuck key',
  async (lane) => {
    processes = await BridgeProcesses.create(
      3,
      { CLOUDSYNC_STREAMS: MODULE, CLOUDSYNC_LANE: lane },
      ['ordered'],
      (env) => [orderedStream(env)],
    );
    const { world, stream } = processes;
    const first = await processes.start();
    const expected: string[] = [];
    const messages = [];
    for (let number = 0; number < RECORDS_PER_KEY; number++) {
      for (let key = 0; key < KEYS; key++) {
        expected.push(`k${key}-${number}`);
        messages.push({ key: `k${key}`, value: value(`k${key}`, number, typeOf(key, number)) });
      }
      for (let i = 0; i < BEHIND_STUCK / RECORDS_PER_KEY; i++) {
        const behind = number * (BEHIND_STUCK / RECORDS_PER_KEY) + i;
        const type = behind === 0 ? 'stuck' : 'plain';
        messages.push({ key: 'stuck', value: value('stuck', behind, type) });
      }
    }
    await world.send(stream.topic, messages);
    await until('some delivered', async () => (await deliveries()).length >= KEYS / 2);
    expect(await first.end('SIGKILL')).toBeNull();
    expect((await deliveries()).length).toBeLessThan(expected.length);
    await processes.start();

    // The records of all keys except the stuck one end.
    const ends = async () => [...(await deliveries()), ...(await deadLetters())];
    await until('the others ended', async () => (await ends()).length >= expected.length, 180_000);
    expect((await ends()).map(({ id }) => id).sort()).toEqual([...expected].sort());

    await writeFile(join(processes.directory, 'released'), '');
    const all = [
      ...expected,
      ...Array.from({ length: BEHIND_STUCK }, (_, behind) => `stuck-${behind}`),
    ];
    await until('all ended', async () => (await ends()).length >= all.length, 120_000);
    await until('all committed', async () => (await world.lag(stream)) === 0);
    await until('all workflows ended', async () => (await processes.openWorkflows()) === 0);

    // Check the order of each key by the lines of the sink and the times of the letters.
    const delivered = await deliveries();
    const places = new Map(delivered.map(({ id }, place) => [id, place]));
    const at = new Map((await ends()).map((end) => [end.id, end.at]));
    const wrong: string[] = [];
    for (const id of all) {
      const [key, number] = id.split('-') as [string, string];
      const next = `${key}-${Number(number) + 1}`;
      if (!at.has(next)) continue;
      const [place, nextPlace] = [places.get(id), places.get(next)];
      const inOrder =
        place !== undefined && nextPlace !== undefined
          ? place < nextPlace
          : at.get(id)! <= at.get(next)!;
      if (!inOrder) wrong.push(`${next} before ${id}`);
    }
    expect(wrong).toEqual([]);
  },
);
