import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  auditLines,
  createAudit,
  readAudit,
  readOldLog,
  readOldLogs,
} from '../../../src/operations/replay/replay-audit';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-audit-'));
  path = join(directory, 'log.ndjson');
});
afterEach(() => rm(directory, { recursive: true }));

const at = '2026-01-02T00:00:00.000Z';
const start = {
  ...{ stream: 'test', deadLetterTopic: 'dead', maxReplays: 3, wait: false },
  ranges: [{ partition: 0, low: 0, high: 9 }],
  filters: { messageIds: ['a\n"\u001b'] },
};
const sent = { topic: 'topic', partition: 0, offset: 9 };
const run = { workflowId: 'w', runId: 'r' };
const of = (offset: number) => ({ at, letter: `dead/0@${offset}`, runId: 'run' });

/** Writes a log as earlier versions did. */
const written = () =>
  writeFile(
    path,
    [
      { event: 'start', at, ...start },
      { event: 'sending', ...of(1), topic: 'topic', partition: 0, end: 5 },
      { event: 'starting', ...of(2), failed: run },
      { event: 'sent', ...of(1), to: sent },
      { event: 'resume', at },
      { event: 'ended', ...of(1), end: 'delivered' },
      { event: 'left', ...of(3), outcome: 'refused', reason: 'no' },
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );

test('the log of an earlier version is read by letter, and its file names the replay', async () => {
  await written();
  const log = await readOldLog(path);
  expect(log).toMatchObject({ replay: 'log', start });
  const entry = (offset: number) => ({ kind: 'progress', replay: 'log', ...of(offset) });
  expect(log.entries).toEqual([
    {
      ...entry(1),
      ...{ sending: { topic: 'topic', partition: 0, end: 5 }, sent, ended: 'delivered' },
    },
    { ...entry(2), starting: run },
    entry(3),
  ]);
});

test('a line that a crash has torn is ignored', async () => {
  await written();
  await appendFile(path, '{"event":"sent","at":"20');
  expect(await readAudit(path)).toHaveLength(7);
});

test('a file that is no log is an error that names the wrong line', async () => {
  await written();
  await appendFile(path, '{"event":"other"}\n');
  await expect(readAudit(path)).rejects.toThrow('line 8');
  await expect(readAudit(join(directory, 'none'))).rejects.toThrow("can't read the log");
  await writeFile(path, `${JSON.stringify({ event: 'resume', at })}\n`);
  await expect(readOldLog(path)).rejects.toThrow('does not begin as a log does');
});

test('the logs of a directory are read together, without other files', async () => {
  await written();
  await writeFile(join(directory, 'other.ndjson'), 'hello\n');
  await writeFile(join(directory, 'other.txt'), 'hello\n');
  const notices: string[] = [];
  const logs = await readOldLogs(directory, (text) => notices.push(text));
  expect(logs.map(({ replay }) => replay)).toEqual(['log']);
  expect(notices).toEqual([expect.stringContaining('other.ndjson')]);
  expect(await readOldLogs(join(directory, 'none'), () => undefined)).toEqual([]);
});

test('the file of --audit is a log that can be read again', async () => {
  const request = { ...start, replay: 'new', by: 'test@here', at };
  const letter = (offset: number) => ({ kind: 'progress', replay: 'new', ...of(offset) }) as const;
  const file = await createAudit(path);
  await file.writeFile(
    auditLines(request, [
      { ...letter(1), sent, ended: 'delivered', result: { outcome: 'sentBack' } },
      { ...letter(2), starting: run, started: run, result: { outcome: 'replayed' } },
      { ...letter(3), result: { outcome: 'refused', reason: 'no' } },
    ]),
  );
  await file.close();
  expect((await readAudit(path)).map(({ event }) => event)).toEqual([
    ...['start', 'sent', 'ended', 'starting', 'started', 'left'],
  ]);
  expect(await readFile(path, 'utf8')).toMatch(/\n$/);
});

test('the file of --audit never replaces a file', async () => {
  await written();
  await expect(createAudit(path)).rejects.toThrow('exists already');
  await expect(createAudit(join(path, 'x'))).rejects.toThrow('see --audit: ENOTDIR');
});
