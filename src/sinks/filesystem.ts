import { randomUUID } from 'node:crypto';
import { link, mkdir, open, opendir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError, errorMessage, type DeliveryFailure } from '../domain/errors';
import type { Sink, WriteResult } from '../domain/sink';
import { objectName } from './object-name';

export interface FileSystemSinkOptions {
  /** Where the files go; made when first needed. */
  directory: string;
  /** File name extension, without dot. Default `json`. */
  extension?: string;
  /**
   * Whether each file is flushed to the disk before it counts as written. Default false: what was
   * written survives a crash of any process, but not of the machine.
   */
  fsync?: boolean;
}

/** Not part of any object name, as `objectName` encodes a leading dot. */
const UNFINISHED = '.unfinished-';

/**
 * One file per message, named by the message id, with the record's value byte for byte. A file appears
 * whole or not at all, and the first one wins: `link` fails where the name is taken.
 */
export function fileSystemSink(options: FileSystemSinkOptions): Sink {
  const { directory, extension = 'json', fsync = false } = options;
  let made: Promise<unknown> | undefined;

  async function create(path: string, content: Buffer): Promise<'created' | 'exists'> {
    const unfinished = join(directory, `${UNFINISHED}${randomUUID()}`);
    try {
      made ??= mkdir(directory, { recursive: true });
      await made;
      const file = await open(unfinished, 'wx');
      try {
        await file.writeFile(content);
        if (fsync) await file.sync();
      } finally {
        await file.close();
      }
      await link(unfinished, path);
      if (fsync) await syncDirectory(directory);
      return 'created';
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return 'exists';
      // The folder may have been taken away, or could not be made yet.
      made = undefined;
      throw error;
    } finally {
      // What can't be removed is no part of the sink, and must not hide how the write ended.
      await unlink(unfinished).catch(() => undefined);
    }
  }

  return {
    async write(record): Promise<WriteResult> {
      const path = join(directory, `${objectName(record.messageId)}.${extension}`);
      if ((await create(path, record.value)) === 'created') {
        return { outcome: 'written', location: path };
      }
      const existing = await readFile(path);
      if (existing.equals(record.value)) return { outcome: 'duplicate', location: path };
      throw new DeliveryError('ContentConflict', `${path} holds other content`);
    },
    classify: classifyFileSystemError,
    async *stored() {
      let entries;
      try {
        entries = await opendir(directory);
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return;
        throw error;
      }
      for await (const entry of entries) {
        if (entry.isFile() && !entry.name.startsWith(UNFINISHED)) {
          yield readFile(join(directory, entry.name));
        }
      }
    },
  };
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function errorCode(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

/** A full or read-only disk can be mended; a name that the file system refuses can't. */
function classifyFileSystemError(error: unknown): DeliveryFailure | undefined {
  const code = errorCode(error);
  if (typeof code !== 'string') return undefined;
  const permanent = code === 'ENAMETOOLONG' || code === 'EINVAL' || code === 'EISDIR';
  return { type: permanent ? 'Permanent' : 'Transient', message: errorMessage(error) };
}
