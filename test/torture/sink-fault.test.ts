import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classifyError } from '../../src/domain/errors';
import { fileSystemSink } from '../../src/sinks/filesystem/filesystem';
import { write } from '../sinks/support/write';
import { faultyFolders } from './sink-fault';

test('a sink fails while its folder is taken away, and has all files afterwards', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-torture-'));
  try {
    const faulty = await faultyFolders(directory, ['s']);
    const running = fileSystemSink({ directory: join(directory, 's') });
    await write(running, { messageId: '1' });
    await faulty.fail('no-directory');
    const started = fileSystemSink({ directory: join(directory, 's') });
    for (const sink of [running, started]) {
      const error = await write(sink, { messageId: '2' }).catch((e: unknown) => e);
      expect(classifyError(error, (e) => sink.classify?.(e)).type).toBe('Transient');
    }
    await faulty.heal();
    for (const sink of [running, started]) await write(sink, { messageId: '2' });
    const files = ['.unfinished', '1.json', '2.json'];
    expect((await readdir(join(directory, 's'))).sort()).toEqual(files);
  } finally {
    await rm(directory, { recursive: true });
  }
});
