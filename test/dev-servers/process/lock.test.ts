import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../../src/dev-servers/process/lock';
import { temporaryDirectory } from '../support/temporary-directory';

const script = join(__dirname, '..', 'support', 'hold-lock.ts');
const quiet = { waitingFor: 'the test', deadlineMs: 1_000, progress: () => undefined };

/** Writes the lock file that a process leaves when it is killed while it has the lock. */
function abandonedLock(path: string): void {
  const { pid } = spawnSync(process.execPath, ['--version']);
  writeFileSync(path, JSON.stringify({ pid, startTime: '1' }));
}

test('processes take turns with the lock, and one of them breaks an abandoned lock', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'lock');
  const journal = join(directory, 'journal');
  abandonedLock(path);
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ['--import', 'tsx', script, path, journal], { stdio: 'inherit' }),
  );
  const codes = await Promise.all(children.map((child) => once(child, 'exit')));
  expect(codes.map(([code]) => code as unknown)).toEqual([0, 0, 0]);
  expect(readFileSync(journal, 'utf8')).toBe('in\nout\n'.repeat(3));
  expect(readdirSync(directory)).toEqual(['journal']);
}, 30_000);

test('an abandoned lock is acquired without waiting', async () => {
  const path = join(temporaryDirectory(), 'lock');
  abandonedLock(path);
  const messages: string[] = [];
  const progress = (message: string) => messages.push(message);
  expect(await withLock({ ...quiet, path, progress }, () => Promise.resolve(1))).toBe(1);
  expect(messages).toEqual([]);
});

test('calls of one process take turns with the lock', async () => {
  const path = join(temporaryDirectory(), 'lock');
  const events: string[] = [];
  const hold = (name: string) =>
    withLock({ ...quiet, path }, async () => {
      events.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      events.push(`${name} out`);
    });
  await Promise.all([hold('a'), hold('b')]);
  expect(events).toEqual(['a in', 'a out', 'b in', 'b out']);
});

test('a lock is released after a failure', async () => {
  const path = join(temporaryDirectory(), 'lock');
  const fail = () => Promise.reject(new Error('no'));
  await expect(withLock({ ...quiet, path }, fail)).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});

test('a caller that gives up gets an error that names the holder and the file', async () => {
  const path = join(temporaryDirectory(), 'lock');
  const messages: string[] = [];
  const progress = (message: string) => messages.push(message);
  await withLock({ ...quiet, path }, async () => {
    await expect(
      withLock({ ...quiet, path, deadlineMs: 300, progress }, () => Promise.resolve()),
    ).rejects.toThrow(`process ${process.pid} holds ${path}`);
  });
  expect(messages).toEqual(['waiting for the test']);
});
