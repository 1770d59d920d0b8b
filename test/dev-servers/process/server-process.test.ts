import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../../../src/dev-servers/process/process-identity';
import {
  spawnServer,
  stopProcess,
  untilReady,
} from '../../../src/dev-servers/process/server-process';
import { temporaryDirectory } from '../support/temporary-directory';

function start(script: string) {
  const cwd = temporaryDirectory();
  const log = join(cwd, 'logs', 'server.log');
  const args = ['-e', script];
  const identity = spawnServer({ title: 'Kafka', command: process.execPath, args, cwd, log });
  return { title: 'Kafka', address: '127.0.0.1:1', identity, log };
}

test('a start fails with the end of the log when the server ends early', async () => {
  const server = start('console.error("bad port"); process.exit(1)');
  await expect(
    untilReady({ ...server, answers: () => Promise.resolve(false) }, () => undefined),
  ).rejects.toThrow(/Kafka stopped[^]*bad port/);
});

test('a server is ready when it answers, and can be stopped', async () => {
  const server = start('console.log("up"); setInterval(() => {}, 1000)');
  const answers = () => Promise.resolve(readFileSync(server.log, 'utf8') === 'up\n');
  await untilReady({ ...server, answers }, () => undefined);
  expect(isAlive(server.identity)).toBe(true);
  await stopProcess(server.identity);
  expect(isAlive(server.identity)).toBe(false);
});

test('a program that is missing is an error', () => {
  const cwd = temporaryDirectory();
  const missing = join(cwd, 'missing');
  expect(() =>
    spawnServer({ title: 'Kafka', command: missing, args: [], cwd, log: join(cwd, 'log') }),
  ).toThrow(`Kafka did not start with ${missing}`);
});
