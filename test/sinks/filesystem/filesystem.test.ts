import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { classifyError, DeliveryError } from '../../../src/domain/errors';
import type { Sink, SinkRecord } from '../../../src/domain/stream/sink';
import { fileSystemSink } from '../../../src/sinks/filesystem/filesystem';
import { unfinishedName } from '../../../src/sinks/filesystem/unfinished-files';
import { bytes, messageIds } from '../../domain/support/records';
import { sinkRecord, write } from '../support/write';

let directory: string;
let sink: Sink;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'cloudsync-sink-')), 'deep', 'er');
  sink = fileSystemSink({ directory });
});
afterEach(() => rm(join(directory, '..', '..'), { recursive: true, force: true }));

/** The files of the sink. The folder of unfinished files must be empty, and is not listed. */
async function files(): Promise<string[]> {
  expect(await readdir(join(directory, '.unfinished'))).toEqual([]);
  return (await readdir(directory)).filter((name) => name !== '.unfinished');
}

async function stored(): Promise<string[]> {
  const values: string[] = [];
  for await (const value of sink.stored!()) values.push(value.toString());
  return values.sort();
}

async function failureOf(attempt: Promise<unknown>) {
  const error: unknown = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeDefined();
  return classifyError(error, (reason) => sink.classify?.(reason));
}

test('a new message is written to a file of its own, byte for byte', async () => {
  const value = Buffer.from([0xef, 0xbb, 0xbf, 0, 0xff]);
  const location = join(directory, '42.json');
  await expect(write(sink, { value })).resolves.toEqual({ outcome: 'written', location });
  expect(await readFile(location)).toEqual(value);
  expect(await files()).toEqual(['42.json']);
});

test('a message with the same content is a duplicate', async () => {
  await write(sink);
  const location = join(directory, '42.json');
  await expect(write(sink)).resolves.toEqual({ outcome: 'duplicate', location });
  // The same in a new process.
  await expect(write(fileSystemSink({ directory }))).resolves.toMatchObject({
    outcome: 'duplicate',
  });
  expect(await files()).toHaveLength(1);
});

test('a message with other content is a ContentConflict, and the first content stays', async () => {
  await write(sink, { value: Buffer.from('first') });
  const attempt = write(sink, { value: Buffer.from('other') });
  await expect(attempt).rejects.toBeInstanceOf(DeliveryError);
  await expect(attempt).rejects.toMatchObject({ type: 'ContentConflict' });
  expect(await stored()).toEqual(['first']);
  expect(await files()).toHaveLength(1);
});

test('the options set the extension, and flush files to the disk', async () => {
  sink = fileSystemSink({ directory, extension: 'txt', fsync: true });
  await write(sink);
  expect(await files()).toEqual(['42.txt']);
});

test('any message id and any bytes are written', async () => {
  const values = new Map<string, Buffer>();
  await fc.assert(
    fc.asyncProperty(messageIds, bytes, async (messageId, value) => {
      fc.pre(!values.has(messageId));
      values.set(messageId, value);
      const result = await write(sink, { messageId, value });
      expect(result.outcome).toBe('written');
      expect(await readFile(result.location!)).toEqual(value);
    }),
  );
  expect(await files()).toHaveLength(values.size);
});

test('exactly one of forty writers of one message writes', async () => {
  const sinks = Array.from({ length: 4 }, () => fileSystemSink({ directory }));
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, i) => write(sinks[i % sinks.length]!)),
  );
  const written = results.filter(({ outcome }) => outcome === 'written');
  expect(written).toHaveLength(1);
  expect(results.filter(({ outcome }) => outcome === 'duplicate')).toHaveLength(39);
  expect(await files()).toEqual(['42.json']);
});

test('exactly one of forty writers of different content writes, and the others conflict', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => write(sink, { value: Buffer.from(`content ${i}`) })),
  );
  const failed = results.filter((result) => result.status === 'rejected');
  expect(failed).toHaveLength(39);
  for (const { reason } of failed) expect(reason).toMatchObject({ type: 'ContentConflict' });
  expect(await stored()).toHaveLength(1);
});

describe('a directory', () => {
  test('that was removed makes the attempt fail, and the next attempt creates it', async () => {
    await write(sink);
    await rm(directory, { recursive: true });
    expect(await failureOf(write(sink))).toMatchObject({ type: 'Transient' });
    await expect(write(sink)).resolves.toMatchObject({ outcome: 'written' });
  });

  test('that can not be created is a transient failure with the reason, and is tried again', async () => {
    const parent = join(directory, '..');
    await mkdir(join(parent, '..'), { recursive: true });
    await writeFile(parent, 'a file where a folder should be');
    const failure = await failureOf(write(sink));
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure.message).toMatch(/EEXIST|ENOTDIR/);
    expect(failure.message).toContain('mkdir');
    await rm(parent);
    await expect(write(sink)).resolves.toMatchObject({ outcome: 'written' });
  });

  test('that can not be created fails the check, and a check that passes leaves nothing behind', async () => {
    const parent = join(directory, '..');
    await mkdir(join(parent, '..'), { recursive: true });
    await writeFile(parent, 'a file where a folder should be');
    const { signal } = new AbortController();
    await expect(sink.check!(signal)).rejects.toThrow('mkdir');
    await rm(parent);
    await sink.check!(signal);
    expect(await stored()).toEqual([]);
    expect(await readdir(join(directory, '.unfinished'))).toEqual([]);
  });

  test('that is read-only is a transient failure', async () => {
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o500);
    // The user root can write all the same.
    if (process.getuid?.() === 0) return;
    const failure = await failureOf(write(sink));
    await chmod(directory, 0o700);
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure.message).toContain('EACCES');
    await expect(write(sink)).resolves.toMatchObject({ outcome: 'written' });
  });

  test('with a folder in the place of the file is a permanent failure', async () => {
    await mkdir(join(directory, '42.json'), { recursive: true });
    expect(await failureOf(write(sink))).toMatchObject({ type: 'Permanent' });
  });

  test("that refuses the file's name is a permanent failure", async () => {
    sink = fileSystemSink({ directory, extension: 'x'.repeat(300) });
    expect(await failureOf(write(sink))).toMatchObject({ type: 'Permanent' });
    expect(await files()).toEqual([]);
  });
});

test.each([
  ['ENOSPC', 'Transient'],
  ['EROFS', 'Transient'],
  ['EIO', 'Transient'],
  ['EMFILE', 'Transient'],
  ['ENAMETOOLONG', 'Permanent'],
  ['EINVAL', 'Permanent'],
])('the error %s is %s', (code, type) => {
  expect(sink.classify!(Object.assign(new Error('no'), { code }))).toMatchObject({ type });
});

test('find returns the stored object of a message, whatever its id is', async () => {
  expect(await sink.find!('none')).toBeUndefined();
  const messageId = '../it\u0000s';
  await write(sink, { messageId, value: Buffer.from('abc') });
  expect(await sink.find!(messageId)).toEqual({
    location: join(directory, '%2E.%2Fit%00s.json'),
    bytes: 3,
    sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    writtenAt: (await stat(join(directory, '%2E.%2Fit%00s.json'))).mtime,
  });
});

test('classify returns undefined for errors that are not of the file system', () => {
  expect(sink.classify!(new Error('no'))).toBeUndefined();
  expect(sink.classify!('no')).toBeUndefined();
});

describe('stored', () => {
  test('is empty before the first write', async () => {
    expect(await stored()).toEqual([]);
  });

  test('returns every value once, without unfinished files and folders', async () => {
    await write(sink, { messageId: 'a' });
    await write(sink, { messageId: '.unfinished-b' });
    await writeFile(join(directory, '.unfinished-0b9c'), 'half');
    await mkdir(join(directory, 'folder'));
    await symlink('/nowhere', join(directory, 'link'));
    expect(await stored()).toEqual(['{"id":".unfinished-b"}', '{"id":"a"}']);
  });

  test('fails if the directory can not be read', async () => {
    await mkdir(join(directory, '..'), { recursive: true });
    await writeFile(directory, 'a file where a folder should be');
    await expect(stored()).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

describe('a chunk in one file', () => {
  const range = { topic: 'topic', partition: 0, first: 0, last: 9 };
  const context = { signal: new AbortController().signal, attempt: 1 };
  const location = () => join(directory, 'chunks', 'topic', '0', '0-9.ndjson');
  const record = (messageId: string, value = messageId) =>
    sinkRecord({ messageId, value: Buffer.from(value) });
  const [a, b, c] = [record('a'), record('b'), record('c')];
  const writeChunk = (...records: SinkRecord[]) => sink.writeChunk!(records, range, context);
  const put = async (content: string) => {
    await mkdir(join(location(), '..'), { recursive: true });
    await writeFile(location(), content);
  };

  beforeEach(() => (sink = fileSystemSink({ directory, chunkFiles: true })));

  test('is written once, with a line for each value', async () => {
    await expect(writeChunk(a, b)).resolves.toMatchObject({ outcome: 'written', without: [] });
    await expect(writeChunk(a, b)).resolves.toMatchObject({ outcome: 'duplicate', without: [] });
    expect(await readFile(location(), 'utf8')).toBe('a\nb\n');
    expect(await stored()).toEqual(['a', 'b']);
  });

  test('leaves a value that is no line to a file of its own', async () => {
    const [lines, empty] = [record('l', 'x\ny'), record('e', '')];
    await expect(writeChunk(a, lines, empty)).resolves.toMatchObject({ without: [lines, empty] });
    expect(await stored()).toEqual(['a']);
    await expect(sink.writeChunk!([empty], { ...range, first: 10 }, context)).resolves.toEqual({
      outcome: 'written',
      without: [empty],
    });
    expect(await readdir(join(location(), '..'))).toEqual(['0-9.ndjson']);
  });

  test('names the records that it lacks, whichever attempt skipped them', async () => {
    await writeChunk(a, b);
    await expect(writeChunk(a, b, c)).resolves.toMatchObject({ without: [c] });
    await expect(writeChunk(b, c)).resolves.toMatchObject({ without: [c] });
    await expect(writeChunk(a)).resolves.toMatchObject({ outcome: 'duplicate', without: [] });
    expect(await readFile(location(), 'utf8')).toBe('a\nb\n');
  });

  test('lacks the records that a crash of the machine has removed from it', async () => {
    await put('');
    await expect(writeChunk(a, b)).resolves.toMatchObject({ without: [a, b] });
    await put('a\nb');
    const long = record('long', 'b and more');
    await expect(writeChunk(a, long)).resolves.toMatchObject({ without: [long] });
    expect(await stored()).toEqual(['a', 'b']);
  });

  test('needs a line for each of two messages with equal values', async () => {
    await writeChunk(record('1', 'same'));
    const second = record('2', 'same');
    await expect(writeChunk(record('1', 'same'), second)).resolves.toMatchObject({
      without: [second],
    });
  });

  test('ignores foreign files beside it', async () => {
    await writeChunk(a);
    await writeFile(join(location(), '..', '.DS_Store'), 'no line');
    expect(await stored()).toEqual(['a']);
  });

  test('is flushed to the disk, with the folders above it', async () => {
    sink = fileSystemSink({ directory, chunkFiles: true, fsync: true });
    await expect(writeChunk(a)).resolves.toMatchObject({ outcome: 'written' });
    await expect(writeChunk(a)).resolves.toMatchObject({ outcome: 'duplicate' });
  });
});

describe('unfinished files', () => {
  const name = (pid: number) => unfinishedName().replace(`-${process.pid}-`, `-${pid}-`);
  const begun = async (file: string, hoursAgo = 0) => {
    await mkdir(join(directory, '.unfinished'), { recursive: true });
    await writeFile(join(directory, '.unfinished', file), 'half');
    const at = new Date(Date.now() - hoursAgo * 3_600_000);
    await utimes(join(directory, '.unfinished', file), at, at);
    return file;
  };
  const left = async () => (await readdir(join(directory, '.unfinished'))).sort();

  test('are removed at the next start if their process was killed', async () => {
    // The process stops before the link.
    const script = `
      const { fileSystemSink } = require('${join(__dirname, '../../../dist')}');
      const fs = require('node:fs/promises');
      fs.link = () => (process.stdout.write('begun'), new Promise(() => setInterval(() => {}, 1000)));
      const record = { messageId: 'x', value: Buffer.from('{}') };
      fileSystemSink({ directory: ${JSON.stringify(directory)} }).write(record, {});
    `;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(await left()).toHaveLength(1);
    // A process that starts does not remove the files of a running process.
    await write(fileSystemSink({ directory }), { messageId: 'while it runs' });
    expect(await left()).toHaveLength(1);
    child.kill('SIGKILL');
    await once(child, 'close');
    await write(fileSystemSink({ directory }), { messageId: 'after it' });
    expect(await left()).toEqual([]);
    expect(await stored()).toHaveLength(2);
    // The test starts a Node process of its own.
  }, 30_000);

  test('are kept while they may belong to a process elsewhere, and are removed when they are old', async () => {
    const elsewhere = await begun(`0123456789abcdef-${process.pid}-a`);
    const running = await begun(name(process.pid));
    await begun(`0123456789abcdef-${process.pid}-b`, 2);
    await begun(name(process.pid), 2);
    await begun('of nobody', 2);
    await write(sink);
    expect(await left()).toEqual([elsewhere, running].sort());
  });

  test('do not prevent a write if they can not be removed', async () => {
    await mkdir(join(directory, '.unfinished', name(2 ** 22 + 1)), { recursive: true });
    await expect(write(sink)).resolves.toMatchObject({ outcome: 'written' });
    expect(await left()).toHaveLength(1);
  });
});

test.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'])(
  'the error %s of a file system without hard links is transient and says what to do',
  (code) => {
    const error = Object.assign(new Error(`${code}: no, link`), { code, syscall: 'link' });
    expect(sink.classify!(error)).toMatchObject({
      type: 'Transient',
      message: expect.stringContaining('needs a file system with hard links') as string,
    });
  },
);
