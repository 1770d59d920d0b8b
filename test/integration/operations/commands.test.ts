import { withAdmin } from '../../../src/kafka/kafka';
import { createTopic } from '../../../src/kafka/topics';
import { execFile, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniqueName, until, World } from '../support/world';

jest.setTimeout(120_000);

const ROOT = join(__dirname, '..', '..', '..');
const name = uniqueName('commands');
let directory: string;
let streams: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-commands-'));
  streams = join(directory, 'streams.js');
  await writeFile(streams, streamModule(name));
  await writeFile(join(directory, 'one.ndjson'), '{"id":"a"}\n');
});
afterAll(() => rm(directory, { recursive: true }));

function streamModule(name: string): string {
  return `const { defineStream, fileSystemSink, messageSchema } = require(${JSON.stringify(join(ROOT, 'dist'))});
    module.exports = defineStream({
      name: '${name}', topic: '${name}', schema: messageSchema,
      sink: fileSystemSink({ directory: ${JSON.stringify(join(directory, 'sink'))} }),
    });
    // This keeps the process alive, as a sink's database connection does.
    setInterval(() => undefined, 60_000);`;
}

function start(args: string[]) {
  const main = join(ROOT, 'dist', 'cli', 'main.js');
  const env = { ...process.env, CLOUDSYNC_STREAMS: streams };
  let child!: ChildProcess;
  const ended = new Promise<{ code: number; stderr: string }>((resolve) => {
    const command = [main, ...args];
    child = execFile(process.execPath, command, { cwd: directory, env }, (error, _, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stderr }),
    );
  });
  return { child, ended };
}

/** Runs a command to its end. */
async function run(args: string[], stdin = Buffer.alloc(0)) {
  const { child, ended } = start(args);
  child.stdin!.end(stdin);
  return ended;
}

test('every command ends by itself, even if the stream module keeps a timer open', async () => {
  const commands: [code: number, ...args: string[]][] = [
    [0, 'topics', 'create', '--partitions', '1'],
    [0, 'send', '--topic', name, 'one.ndjson'],
    [0, 'status'],
    [0, 'failed', 'list'],
    [1, 'failed', 'show', 'nobody'],
    [0, 'failed', 'replay', '--stream', name, '--yes'],
    [0, 'dlq', 'list'],
    [1, 'dlq', 'show', 'nobody'],
    [0, 'dlq', 'groups'],
    [0, 'dlq', 'discard', '--stream', name, '--reason', 'none', '--yes'],
    [0, 'dlq', 'replay', '--stream', name, '--yes'],
    [0, 'dlq', 'replay', '--stream', name, '--stop'],
    [0, 'dlq', 'replays'],
    [0, 'pause', '--stream', name, '--yes'],
    [0, 'resume', '--stream', name, '--yes'],
    [1, 'trace', '--scan', 'nobody'],
    [0, 'resume', '--yes'],
    // The stream's record was not delivered, so reconcile exits 1.
    [1, 'reconcile', '--stream', name],
  ];
  for (const [code, ...args] of commands) {
    expect([args, await run(args)]).toMatchObject([args, { code }]);
  }
});

test('send sends the bytes of each line, or names the line that it can not send', async () => {
  const world = new World();
  const topic = uniqueName('sent');
  try {
    await withAdmin(world.kafka(), (admin) =>
      createTopic(admin, {
        ...{ topic, numPartitions: 1, replicationFactor: 1 },
        configEntries: [{ name: 'max.message.bytes', value: '10000' }],
      }),
    );
    const lines = [
      '{"id":"bom"}',
      '{"id":"cr",\r"n":1}',
      '{"id":"ls","text":"a\u2028b\u2029c"}',
      '{"id":9007199254740993}',
      // Together far more than one batch of the topic, and more bytes than characters.
      ...Array.from({ length: 30 }, (_, i) => `{"id":"${i}","text":"${'\u5b57'.repeat(300)}"}`),
    ];
    const sent = await run(['send', '--topic', topic], Buffer.from(`\ufeff${lines.join('\r\n')}`));
    expect(sent).toEqual({ code: 0, stderr: `34 records sent to ${topic}\n` });
    const records = await world.records(topic);
    expect(records.map(({ value }) => String(value))).toEqual(lines);
    expect(String(records[3]!.key)).toBe('9007199254740993');

    const tooLong = `1\n"${'x'.repeat(9_990)}"\n3\n`;
    const refused = await run(['send', '--topic', topic], Buffer.from(tooLong));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('1 records were sent, those of the lines up to 1; no later');
    expect(refused.stderr).toMatch(
      /cloudsync: sent-.* did not accept line 2: .*larger than the max/,
    );
    expect(await world.records(topic)).toHaveLength(35);

    const misspelt = await run(['send', '--topic', 'no-such'], Buffer.from('1\n'));
    expect(misspelt.code).toBe(2);
    expect(misspelt.stderr).toMatch(/^cloudsync: Kafka has no topic no-such: check the name; /);
  } finally {
    await world.close();
  }
});

test('send does not wait for the end of its input', async () => {
  const world = new World();
  const topic = uniqueName('sent');
  let sending: ChildProcess | undefined;
  try {
    await withAdmin(world.kafka(), (admin) => createTopic(admin, { topic, numPartitions: 1 }));
    const { child, ended } = start(['send', '--topic', topic]);
    sending = child;
    child.stdin!.write('{"id":"a"}\n{"id":"b');
    await until('the first is sent', async () => (await world.records(topic)).length === 1);
    child.stdin!.end('"}');
    expect(await ended).toEqual({ code: 0, stderr: `2 records sent to ${topic}\n` });
    expect(await world.records(topic)).toHaveLength(2);
  } finally {
    sending?.kill('SIGKILL');
    await world.close();
  }
});

test("topics create reports the broker's own reason for a refused topic", async () => {
  await writeFile(streams, streamModule(uniqueName('commands')));
  const { code, stderr } = await run(['topics', 'create', '--replication-factor', '3']);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^cloudsync: can't create topic commands-.*: .*replication factor of 3.*\n$/,
  );
});
