import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { freePort } from '../../../src/dev-servers';
import { until } from '../support/world';

jest.setTimeout(180_000);

const ROOT = join(__dirname, '..', '..', '..');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');

let directory: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloudsync-try-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true });
});

interface End {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** `env` comes over the environment of the test, which names the servers of the Jest worker. */
function cloudsync(args: string[], env: NodeJS.ProcessEnv = {}): Promise<End> {
  const options = { cwd: directory, env: { ...process.env, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

function start(args: string[]): { child: ChildProcess; stderr: () => string } {
  const child = spawn(process.execPath, [MAIN, ...args], {
    ...{
      cwd: directory,
      env: { ...process.env, CLOUDSYNC_METRICS_PORT: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  });
  children.push(child);
  let text = '';
  child.stderr.on('data', (data) => (text += String(data)));
  return { child, stderr: () => text };
}

/** Of all files below a folder of the working directory, in which some come and go. */
function paths(folder: string): string[] {
  try {
    const names = readdirSync(join(directory, folder), { encoding: 'utf8', recursive: true });
    return names.map((name) => join(folder, name));
  } catch {
    return [];
  }
}

interface Tried {
  ok: boolean;
  stream: string;
  messages: { messageId: string; outcome: string; attempts: number | null; location: string }[];
}

/** Text of a run without what is different in each run. */
function masked(text: string): string {
  return text
    .replace(/try-[0-9a-z]{8}/g, 'try-RUN')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'RUN-ID');
}

test('try tells what became of each of five messages, also if it is run again', async () => {
  const first = await cloudsync(['try', '--json']);
  const second = await cloudsync(['try']);
  expect([first.code, second.code]).toEqual([0, 0]);
  const tried = JSON.parse(first.stdout) as Tried;
  expect(tried.ok).toBe(true);
  const seen = tried.messages.map(({ messageId, outcome, attempts }) => [
    ...[messageId, outcome, attempts],
  ]);
  expect(seen).toEqual([
    ['p-1', 'delivered', 1],
    ['p-2', 'delivered', 3],
    ['p-1', 'duplicate', null],
    ['p-3', 'delivered', 2],
    ['p-4', 'dead-lettered', 1],
  ]);
  for (const { outcome, location } of tried.messages) {
    if (outcome === 'delivered') {
      expect(readFileSync(join(directory, location), 'utf8')).toContain('@example.com');
    }
  }
  expect(second.stdout.trimEnd().split('\n')).toHaveLength(8);
  expect(second.stdout).not.toContain(tried.stream);
});

test('dlq replay delivers what failed in try if its cause is mended', async () => {
  const { stdout } = await cloudsync(['try', '--json']);
  const { stream } = JSON.parse(stdout) as Tried;
  const failed = await cloudsync(['failed', 'list', '--stream', 'try', '--json']);
  expect(JSON.parse(failed.stdout)).toMatchObject([{ stream, messageId: 'p-4' }]);

  appendFileSync(join(directory, '.cloudsync', stream, 'accounts.txt'), 'edsger@example.com\n');
  const { child, stderr } = start(['bridge', 'start', '--stream', 'try']);
  await until('the bridge worker runs', () => stderr().includes('Started'));
  const replay = ['dlq', 'replay', '--stream', 'try', '--yes', '--wait', '--json'];
  expect(JSON.parse((await cloudsync(replay)).stdout)).toMatchObject({ delivered: 1 });
  const account = await cloudsync(['reconcile', '--stream', 'try', '--json']);
  expect(JSON.parse(account.stdout)).toMatchObject({
    ...{ messages: 4, delivered: 4, deadLettered: 0, missing: 0, double: 0 },
  });
  child.kill('SIGTERM');
  await once(child, 'exit');
});

test('try says what is not as it must be, and exits 1, if the sink loses a message', async () => {
  const trying = cloudsync(['try', '--json']);
  let stored: string | undefined;
  await until('a payment is stored', () => {
    stored = paths('.cloudsync').find((path) => path.endsWith('p-1.json'));
    return stored !== undefined;
  });
  // The sink loses it.
  rmSync(join(directory, stored!));
  const { code, stdout, stderr } = await trying;
  expect(code).toBe(1);
  expect((JSON.parse(stdout) as Tried).ok).toBe(false);
  expect(stderr).toMatch(/cloudsync: it is not as it must be: p-1 must be delivered .*missing/);
});

test('try ends at once, and says that servers run on, if it gets a signal', async () => {
  const { child, stderr } = start(['try']);
  await until('messages are sent', () => stderr().includes('sending five payments'));
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(1);
  expect(stderr()).toMatch(/cloudsync: ended by SIGINT; .* run on until npx cloudsync dev down\n$/);
});

test('try brings servers up, and links to the failed workflow, if there are no servers', async () => {
  const [kafka, temporal, ui] = [await freePort(), await freePort(), await freePort()];
  // What is left of servers that have ended: they start on their ports again.
  const ended = { pid: 2 ** 22, startTime: 'long ago' };
  mkdirSync(join(directory, '.cloudsync', 'dev'), { recursive: true });
  const state = {
    kafka: { ...ended, port: kafka },
    temporal: { ...ended, port: temporal, uiPort: ui },
  };
  writeFileSync(join(directory, '.cloudsync', 'dev', 'state.json'), JSON.stringify(state));
  const env = { KAFKA_BROKERS: '', TEMPORAL_ADDRESS: '' };
  try {
    const { code, stdout, stderr } = await cloudsync(['try'], env);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/Kafka .* is started[^]*Temporal is started[^]*takes about \d+ seconds/);
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const [, shown] = /```text\n(p-1 [^`]*)```/.exec(readme)!;
    expect(masked(stdout)).toBe(masked(shown!));

    const [link] = /http:\S+/.exec(stdout)!;
    expect((await fetch(link)).status).toBe(200);
    const [, , namespace, , workflowId, runId] = new URL(link).pathname.split('/');
    const connection = await Connection.connect({ address: `127.0.0.1:${temporal}` });
    try {
      const client = new Client({ connection, namespace: namespace! });
      const { status } = await client.workflow.getHandle(workflowId!, runId).describe();
      expect(status.name).toBe('FAILED');
    } finally {
      await connection.close();
    }
  } finally {
    const down = await cloudsync(['dev', 'down', '--json'], env);
    expect(JSON.parse(down.stdout)).toEqual({ stopped: ['kafka', 'temporal'] });
  }
});
