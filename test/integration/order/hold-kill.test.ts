import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listDeadLetters } from '../../../src/operations/dead-letters/dead-letters-list';
import { BridgeProcesses } from '../support/bridge-processes';
import { orderedStream } from './support/ordered-stream';
import { replay } from '../support/replay';
import { until } from '../support/world';

jest.setTimeout(240_000);

const MODULE = join(__dirname, 'support', 'ordered-stream.ts');
const KEYS = 30;
const PER_KEY = 5;

let processes: BridgeProcesses;
afterEach(() => processes.close());

/** Message ids in the order of their first delivery. */
async function deliveries(): Promise<string[]> {
  const lines = await readFile(join(processes.directory, 'deliveries'), 'utf8').catch(() => '');
  const ids = lines.split('\n').filter(Boolean);
  return [...new Set(ids.map((line) => line.split(' ')[1]!))];
}

/** The error type of each message's first letter. */
async function deadLetters(): Promise<Map<string, string>> {
  const { world, stream } = processes;
  const types = new Map<string, string>();
  for (const { messageId, errorType } of await listDeadLetters(world.kafka(), [stream])) {
    // The newest letters come first.
    types.set(messageId!, errorType!);
  }
  return types;
}

/** The number of a key's first dead record. Two of three keys have none. */
const deadOf = (key: number) => (key % 3 === 0 ? 1 + (key % 2) : PER_KEY);

function messagesOf(number: number) {
  return Array.from({ length: KEYS }, (_, key) => {
    // A held key has one more record that would die.
    const dead = number === deadOf(key) || (deadOf(key) < PER_KEY && number === 4);
    const type = dead ? 'dead' : (key + number) % 7 === 0 ? 'slow' : 'plain';
    const [id, occurredAt] = [`k${key}-${number}`, '2026-01-01T00:00:00Z'];
    return { key: `k${key}`, value: JSON.stringify({ id, type, occurredAt, payload: {} }) };
  });
}

const ids = (key: number, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `k${key}-${from + i}`);
const ofKey = (key: number, all: string[]) => all.filter((id) => id.startsWith(`k${key}-`));

test.each(['record', 'chunk'])(
  'in the %s lane no record overtakes a dead record of its key, even if processes are killed',
  async (lane) => {
    processes = await BridgeProcesses.create(
      3,
      { CLOUDSYNC_STREAMS: MODULE, CLOUDSYNC_LANE: lane, TEST_AFTER_DEAD_LETTER: 'hold' },
      ['ordered'],
      (env) => [orderedStream(env)],
    );
    const { world, stream, directory } = processes;
    const first = await processes.start();
    const messages = Array.from({ length: PER_KEY }, (_, number) => messagesOf(number)).flat();
    await world.send(stream.topic, messages);
    await until('some died', async () => (await deadLetters()).size >= 3);
    expect(await first.end('SIGKILL')).toBeNull();
    await processes.start();
    await until(
      'all ended',
      async () => (await deliveries()).length + (await deadLetters()).size >= KEYS * PER_KEY,
      120_000,
    );
    const [delivered, dead] = [await deliveries(), await deadLetters()];
    for (let key = 0; key < KEYS; key++) {
      expect(ofKey(key, delivered)).toEqual(ids(key, 0, deadOf(key)));
      const behind = ids(key, deadOf(key), PER_KEY);
      expect(ofKey(key, [...dead.keys()]).sort()).toEqual(behind);
      expect(behind.map((id) => dead.get(id))).toEqual(
        behind.map((_, i) => (i === 0 ? 'Permanent' : 'HeldByKey')),
      );
    }

    await writeFile(join(directory, 'mended'), '');
    const results = await replay(world, stream);
    expect(results).toHaveLength(dead.size);
    expect(results.filter((result) => !result.endsWith('replayed delivered'))).toEqual([]);
    const all = await deliveries();
    for (let key = 0; key < KEYS; key++) expect(ofKey(key, all)).toEqual(ids(key, 0, PER_KEY));
    await until('no key is held', async () => (await processes.openWorkflows()) === 0);
  },
);
