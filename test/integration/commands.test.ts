import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniqueName } from './support/world';

jest.setTimeout(120_000);

const ROOT = join(__dirname, '..', '..');
const name = uniqueName('commands');
let directory: string;
let streams: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-commands-'));
  streams = join(directory, 'streams.js');
  await writeFile(
    streams,
    `const { defineStream, fileSystemSink, messageSchema } = require(${JSON.stringify(join(ROOT, 'dist'))});
    module.exports = defineStream({
      name: '${name}', topic: '${name}', schema: messageSchema,
      sink: fileSystemSink({ directory: ${JSON.stringify(join(directory, 'sink'))} }),
    });
    // As a database connection of a sink does, this keeps the process from ending.
    setInterval(() => undefined, 60_000);`,
  );
  await writeFile(join(directory, 'one.ndjson'), '{"id":"a"}\n');
});
afterAll(() => rm(directory, { recursive: true }));

/** The exit code of a command; a process that does not end never gives one. */
async function run(args: string[]) {
  const main = join(ROOT, 'dist', 'cli', 'main.js');
  const settings = { ...process.env, CLOUDSYNC_STREAMS: streams };
  return new Promise<{ code: number; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [main, ...args],
      { cwd: directory, env: settings },
      (error, _, stderr) => resolve({ code: error ? Number(error.code) : 0, stderr }),
    );
    child.stdin?.end();
  });
}

test('every command ends by itself, whatever the stream module holds open', async () => {
  const commands: [code: number, ...args: string[]][] = [
    [0, 'topics', 'create', '--partitions', '1'],
    [0, 'send', '--topic', name, 'one.ndjson'],
    [0, 'status'],
    [0, 'failed', 'list'],
    [1, 'failed', 'show', 'nobody'],
    [0, 'failed', 'replay', '--stream', name, '--yes'],
    [0, 'dlq', 'list'],
    [1, 'dlq', 'show', 'nobody'],
    [0, 'dlq', 'replay', '--stream', name, '--yes'],
    [1, 'trace', '--scan', 'nobody'],
    [0, 'resume', '--yes'],
    // Its record has not been delivered.
    [1, 'reconcile', '--stream', name],
  ];
  for (const [code, ...args] of commands) {
    expect([args, await run(args)]).toMatchObject([args, { code }]);
  }
});
