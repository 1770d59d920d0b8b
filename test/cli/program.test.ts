import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program';
import { UsageError } from '../../src/domain/errors';
import { auditLines } from '../../src/operations/replay/replay-audit';

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'cloudsync-usage-'))));
afterEach(() => rm(directory, { recursive: true }));

function silent(command: Command): Command {
  command.configureOutput({ writeErr: () => undefined }).exitOverride();
  command.commands.forEach(silent);
  return command;
}

const run = (...args: string[]) =>
  silent(createProgram()).parseAsync(['node', 'cloudsync', ...args]);
const replay = (...args: string[]) => run('dlq', 'replay', '--yes', ...args);

test.each<[string, string[]]>([
  ['no stream', []],
  ['two streams', ['--stream', 'aws', '--stream', 'azure']],
  ['a letter without a place', ['--stream', 'aws', 'aws-42-7']],
  ['text after the place of a letter', ['--stream', 'aws', '0:1\n']],
])('dlq replay with %s is wrong usage', async (_, args) => {
  await expect(replay(...args)).rejects.toThrow(UsageError);
});

test.each<[string, string[]]>([
  ['a rate', ['--rate', '0']],
  ['a limit', ['--limit', 'x']],
  ['a number of replays', ['--max-replays', '-1']],
  ['an unknown option', ['--nope']],
])('dlq replay with %s that is not valid is wrong usage', async (_, args) => {
  await expect(replay('--stream', 'aws', ...args)).rejects.toMatchObject({
    code: expect.stringMatching(/^commander\./) as string,
  });
});

test('dlq replay with an --until that is no time is wrong usage', async () => {
  await expect(replay('--stream', 'aws', '--until', 'tomorrow')).rejects.toThrow('ISO 8601');
});

test('dlq replay --resume refuses a selection of letters, and a file that is no log', async () => {
  const path = join(directory, 'log.ndjson');
  const resume = (...args: string[]) => replay('--stream', 'aws', '--resume', path, ...args);
  await expect(resume()).rejects.toThrow("can't read the log");
  await writeFile(path, 'hello\n');
  await expect(resume()).rejects.toThrow('line 1');
  const request = {
    ...{ stream: 'aws', replay: 'r', by: 'test@here', at: '2026-01-02T00:00:00Z' },
    ...{ deadLetterTopic: 'dead', ranges: [], filters: {}, maxReplays: 3, wait: false },
  };
  await writeFile(path, auditLines(request, []));
  for (const more of [['--id', 'a'], ['0:1'], ['--limit', '1'], ['--max-replays', '4']]) {
    await expect(resume(...more)).rejects.toThrow('omit the other options');
  }
});

test.each<[string, string[], string]>([
  ['--stop and a filter', ['--stop', '--id', 'a'], 'omit letters and filters'],
  ['--detach and --audit', ['--detach', '--audit', 'x'], 'omit --detach'],
])('dlq replay with %s is wrong usage', async (_, args, message) => {
  await expect(replay('--stream', 'aws', ...args)).rejects.toThrow(message);
});

test.each<[string, string[]]>([
  ['nothing', []],
  ['both a message id and a record', ['a', '--record', 'topic/0@1']],
  ['a record without an offset', ['--record', 'topic/0']],
  ['text after a record', ['--record', 'topic/0@1\n']],
  ['a scan for a record', ['--record', 'topic/0@1', '--scan']],
])('trace with %s is wrong usage', async (_, args) => {
  await expect(run('trace', ...args)).rejects.toThrow(UsageError);
});
