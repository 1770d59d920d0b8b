import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog, readAudit, readAudits } from '../../../src/operations/replay/replay-audit';
import { letter } from '../support/letters';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-audit-'));
  path = join(directory, 'log.ndjson');
});
afterEach(() => rm(directory, { recursive: true }));

const start = {
  ...{ stream: 'test', deadLetterTopic: 'dead', maxReplays: 3, wait: false },
  ranges: [{ partition: 0, low: 0, high: 9 }],
  filters: { messageIds: ['a\n"\u001b'] },
};
const sent = { topic: 'topic', partition: 0, offset: 9 };

async function written(): Promise<void> {
  const log = await AuditLog.create(path, start);
  await Promise.all([
    log.write(letter({ at: 1 }), { event: 'sending', topic: 'topic', partition: 0, end: 5 }),
    log.write(letter({ at: 2 }), { event: 'starting', failed: { workflowId: 'w', runId: 'r' } }),
  ]);
  await log.write(letter({ at: 1 }), { event: 'sent', to: sent });
  await log.close();
}

test('an audit log is read back by letter and run', async () => {
  await written();
  expect((await readAudit(path))[0]).toMatchObject({ event: 'start', ...start });
  const log = await AuditLog.resume(path);
  const sending = { topic: 'topic', partition: 0, end: 5 };
  expect(log.progress.of(letter({ at: 1 }))).toEqual({ sending, sent });
  expect(log.progress.of(letter({ at: 2 }))).toEqual({ starting: { workflowId: 'w', runId: 'r' } });
  // A letter at the same position of a recreated topic.
  expect(log.progress.of(letter({ at: 1, runId: 'other' }))).toEqual({});
  await log.close();
  expect((await readAudit(path)).at(-1)).toMatchObject({ event: 'resume' });
});

test('a line that a crash has torn is ignored, and the next line is written whole', async () => {
  await written();
  await appendFile(path, '{"event":"sent","at":"20');
  expect(await readAudit(path)).toHaveLength(4);
  const log = await AuditLog.resume(path);
  await log.write(letter({ at: 2 }), { event: 'ended', end: 'delivered' });
  await log.close();
  expect((await readAudit(path)).map(({ event }) => event)).toEqual([
    ...['start', 'sending', 'starting', 'sent'],
    ...['resume', 'ended'],
  ]);
  expect(await readFile(path, 'utf8')).toMatch(/\n$/);
});

test('create does not overwrite an existing file', async () => {
  await written();
  await expect(AuditLog.create(path, start)).rejects.toThrow('--resume');
  await expect(AuditLog.create(join(path, 'x'), start)).rejects.toThrow('see --audit: ENOTDIR');
});

test('a file that is no log is an error that names the wrong line', async () => {
  await written();
  await appendFile(path, '{"event":"other"}\n');
  await expect(readAudit(path)).rejects.toThrow('line 5');
  await expect(readAudit(join(directory, 'none'))).rejects.toThrow("can't read the log");
});

test('the logs of a directory are read together, without other files', async () => {
  await written();
  await writeFile(join(directory, 'other.ndjson'), 'hello\n');
  await writeFile(join(directory, 'other.txt'), 'hello\n');
  const notices: string[] = [];
  const progress = await readAudits(directory, (text) => notices.push(text));
  expect(progress.of(letter({ at: 1 })).sent).toEqual(sent);
  expect(notices).toEqual([expect.stringContaining('other.ndjson')]);
  const none = await readAudits(join(directory, 'none'), () => undefined);
  expect(none.of(letter({ at: 1 }))).toEqual({});
});

test('no line is written after a line that could not be written', async () => {
  const log = await AuditLog.create(path, start);
  await log.close();
  const event = { event: 'ended', end: 'delivered' } as const;
  await expect(log.write(letter(), event)).rejects.toThrow();
  await expect(log.write(letter(), event)).rejects.toThrow();
  expect(await readAudit(path)).toHaveLength(1);
});
