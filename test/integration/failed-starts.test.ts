import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { uniqueName, World } from './support/world';

jest.setTimeout(120_000);

const MAIN = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

/** Runs a command to its end. */
async function run(args: string[], settings: NodeJS.ProcessEnv) {
  const env = { ...process.env, CLOUDSYNC_METRICS_PORT: '0', ...settings };
  const child = spawn(process.execPath, [MAIN, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [stderr, exit] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  const said = stderr.split('\n').filter((line) => line.startsWith('cloudsync:'));
  return { code: exit[0] as number | null, said };
}

describe.each(['bridge', 'worker'])('%s start', (command) => {
  const start = [command, 'start', '--stream', 'aws'];

  test('ends when the metrics port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, said } = await run(start, { CLOUDSYNC_METRICS_PORT: String(port) });
    other.close();
    expect(code).toBe(2);
    expect(said).toEqual([expect.stringContaining(`port ${port} is taken`)]);
  });

  test('ends when the namespace does not exist', async () => {
    const world = new World();
    const topic = uniqueName('topic');
    const { stream } = await world.stream({ topic });
    await world.createTopics(stream, 1);
    await world.close();
    const { code, said } = await run(start, { TEMPORAL_NAMESPACE: 'nope', CLOUDSYNC_TOPIC: topic });
    expect(code).toBe(1);
    expect(said).toEqual([expect.stringMatching(/^cloudsync: .*nope/)]);
    expect(said.join()).not.toContain('{');
  });
});
