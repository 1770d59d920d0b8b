import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { temporaryDirectory } from '../../dev-servers/support/temporary-directory';
import { uniqueName, World } from '../support/world';

jest.setTimeout(120_000);

const DIST = join(__dirname, '..', '..', '..', 'dist');
const MAIN = join(DIST, 'cli', 'main.js');

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

/**
 * A user's program with three streams. The workflows of the second stream can't be bundled. The program prints the
 * error of the start, the timers of the start that are still set, and the sinks that are not closed.
 */
const PROGRAM = `
const timers = new Set();
const { setInterval: set, clearInterval: clear } = globalThis;
globalThis.setInterval = (...args) => {
  const timer = set(...args);
  timers.add(timer);
  return timer;
};
globalThis.clearInterval = (timer) => {
  timers.delete(timer);
  clear(timer);
};
const cloudsync = require(process.argv[2]);
const streams = JSON.parse(process.argv[4]);
const open = new Set(streams.map(({ name }) => name));
const { kafka, temporal } = cloudsync.loadSettings(process.env);
const start = cloudsync[process.argv[3]]({
  kafka,
  temporal,
  logger: cloudsync.createLogger('warn'),
  streams: streams.map((stream) =>
    cloudsync.defineStream({
      ...stream,
      schema: cloudsync.messageSchema,
      sink: { write: async () => ({ outcome: 'written' }), close: () => void open.delete(stream.name) },
    }),
  ),
});
start.then(
  () => console.log('started'),
  ({ message }) => console.log(JSON.stringify({ message, timers: timers.size, sinks: [...open] })),
);
setTimeout(() => process.exit(3), 20_000).unref();
`;

describe.each(['createBridgeWorker', 'createWorker'])('%s', (create) => {
  test.each([
    ['the worker of one stream can not be made', 'missing', {}],
    ['Temporal can not be reached', "can't reach Temporal", { TEMPORAL_ADDRESS: '127.0.0.1:1' }],
  ])('leaves nothing behind when %s', async (_, reason, settings) => {
    const directory = temporaryDirectory();
    const workflowsPath = join(directory, 'workflows.js');
    await writeFile(workflowsPath, `export * from './missing';`);
    const world = new World();
    const streams = await Promise.all([world.stream(), world.stream(), world.stream()]);
    await world.close();
    const options = streams.map(({ stream: { name, topic } }, i) => ({
      ...{ name, topic },
      ...(i === 1 && { workflow: { type: 'own', workflowsPath } }),
    }));
    const program = join(directory, 'program.js');
    await writeFile(program, PROGRAM);
    const child = spawn(process.execPath, [program, DIST, create, JSON.stringify(options)], {
      env: { ...process.env, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, exit] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ]);
    expect(stderr).not.toContain('Could not release all resources');
    expect(JSON.parse(stdout)).toEqual({
      message: expect.stringContaining(reason) as unknown,
      timers: 0,
      sinks: [],
    });
    // The program ends by itself, as nothing keeps its event loop alive.
    expect(exit[0]).toBe(0);
  });
});
