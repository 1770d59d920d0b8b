import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  identify,
  isAlive,
  signalProcess,
} from '../../../src/dev-servers/process/process-identity';

test('a process is identified by pid and start time until it ends', async () => {
  const child = spawn('sleep', ['60']);
  const exit = once(child, 'exit');
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('sleep does not run');
  expect(isAlive(identity)).toBe(true);

  const recycled = { ...identity, startTime: 'another' };
  expect(isAlive(recycled)).toBe(false);
  signalProcess(recycled, 'SIGKILL');
  expect(isAlive(identity)).toBe(true);

  signalProcess(identity, 'SIGTERM');
  await exit;
  expect(isAlive(identity)).toBe(false);
  signalProcess(identity, 'SIGTERM');
});

test('the start time stays the same from call to call', () => {
  expect(identify(process.pid)).toEqual(identify(process.pid));
});
