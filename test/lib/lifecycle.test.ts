import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Releasers } from '../../src/lib/lifecycle';

describe('Releasers', () => {
  test('run the steps one after the other, the last one first', async () => {
    const releasers = new Releasers();
    const log: string[] = [];
    for (const step of ['connection', 'worker', 'consumer']) {
      releasers.push(async () => {
        log.push(`${step} stops`);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(`${step} stopped`);
      });
    }
    releasers.push(() => void log.push('at once'));
    await releasers.release();
    expect(log).toEqual([
      'at once',
      'consumer stops',
      'consumer stopped',
      'worker stops',
      'worker stopped',
      'connection stops',
      'connection stopped',
    ]);
  });

  test('run every step and throw the first error', async () => {
    const releasers = new Releasers();
    const log: string[] = [];
    releasers.push(() => void log.push('first'));
    releasers.push(() => Promise.reject(new Error('second')));
    releasers.push(() => void log.push('third'));
    releasers.push(() => {
      throw new Error('fourth');
    });
    await expect(releasers.release()).rejects.toThrow('fourth');
    expect(log).toEqual(['third', 'first']);
  });

  test('throw undefined if a step throws undefined', async () => {
    const releasers = new Releasers();
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- anything can be thrown
    releasers.push(() => Promise.reject(undefined));
    await expect(releasers.release()).rejects.toBeUndefined();
  });

  test('run each step once', async () => {
    const releasers = new Releasers();
    const step = jest.fn();
    releasers.push(step);
    await Promise.all([releasers.release(), releasers.release()]);
    await releasers.release();
    expect(step).toHaveBeenCalledTimes(1);
  });

  test('do nothing without steps', async () => {
    await expect(new Releasers().release()).resolves.toBeUndefined();
  });
});

describe('runUntilSignal', () => {
  const NO_START = '(service) => service';
  const source = (file: string) => JSON.stringify(join(__dirname, '..', '..', 'src', file));
  const directory = mkdtempSync(join(tmpdir(), 'cloudsync-lifecycle-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const children: ChildProcess[] = [];
  afterEach(() => {
    start = NO_START;
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** Runs a process of one service. `service` is the source code of its parts. */
  let start = NO_START;
  async function run(service: string, ...signals: NodeJS.Signals[]) {
    const file = join(directory, 'service.ts');
    writeFileSync(
      file,
      `import { runUntilSignal } from ${source('lib/lifecycle.ts')};
       import { createLogger } from ${source('telemetry/logger.ts')};
       const open = setInterval(() => undefined, 1000);
       let end: () => void = () => undefined;
       const ended = new Promise<void>((resolve) => (end = resolve));
       const say = (what: string) => process.stdout.write(what + '\\n');
       const start = ${start};
       const service = { ended, faults: () => ({}), stop: async () => {}, ...${service} };
       void runUntilSignal(start(service), createLogger('info')).then(() => { clearInterval(open); say('returned'); });
       say('running');`,
    );
    const tsx = `file://${require.resolve('tsx')}`;
    const child = spawn(process.execPath, ['--import', tsx, file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const [output, log] = [text(child.stdout), text(child.stderr)];
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      // Each signal follows the output of the service about the previous one.
      const signal = signals[said.split('\n').length - 2];
      if (signal) child.kill(signal);
    });
    const exit = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.once('exit', (code, signal) => resolve([code, signal])),
    );
    return { exit, output: (await output).trim().split('\n'), log: await log };
  }

  const stopping = `{ stop: async () => { say('stopping'); clearInterval(open); end(); } }`;

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s stops the service, and the process exits 0',
    async (signal) => {
      const { exit, output, log } = await run(stopping, signal);
      expect(exit).toEqual([0, null]);
      expect(output).toEqual(['running', 'stopping', 'returned']);
      expect(log).toContain('"Stopped"');
    },
    30_000,
  );

  test('a signal during the start stops the service once it has started', async () => {
    start = `(service) => new Promise((resolve) => setTimeout(() => {
      say('started');
      resolve(service);
    }, 500))`;
    const { exit, output } = await run(stopping, 'SIGTERM');
    expect(exit).toEqual([0, null]);
    expect(output).toEqual(['running', 'started', 'stopping', 'returned']);
  }, 30_000);

  test('a stopped process exits even if a library leaves a timer open', async () => {
    const leaking = `{ stop: async () => { setInterval(() => undefined, 1000); end(); } }`;
    expect((await run(leaking, 'SIGTERM')).exit).toEqual([0, null]);
  }, 30_000);

  test('a second signal ends the process at once', async () => {
    const hanging = `{ stop: () => { say('stopping'); return new Promise(() => undefined); } }`;
    const { exit, output, log } = await run(hanging, 'SIGTERM', 'SIGINT');
    expect(exit).toEqual([1, null]);
    expect(output).toEqual(['running', 'stopping']);
    expect(log).toContain('second signal SIGINT');
  }, 30_000);

  test('a service that ends by itself is stopped, and the process exits 1', async () => {
    const failing = `{
      ended: Promise.reject(new Error('the consumer is gone')),
      stop: async () => { say('stopping'); },
    }`;
    const { exit, output, log } = await run(failing);
    expect(exit).toEqual([1, null]);
    expect(output).toEqual(['running', 'stopping', 'returned']);
    expect(log).toContain('the consumer is gone');
  }, 30_000);

  test('a failing stop of a service that ended by itself is logged, and the process exits 1', async () => {
    const failing = `{
      ended: Promise.reject(new Error('the consumer is gone')),
      stop: () => Promise.reject(new Error('the broker as well')),
    }`;
    const { exit, log } = await run(failing);
    expect(exit).toEqual([1, null]);
    expect(log).toContain('the broker as well');
  }, 30_000);
});
