import { createHash } from 'node:crypto';
import { link, mkdir, open, opendir, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ChunkRange } from '../../domain/record/record';
import { DeliveryError, errorMessage, type DeliveryFailure } from '../../domain/errors';
import type { ChunkWriteResult, Sink, SinkRecord, WriteResult } from '../../domain/stream/sink';
import { isLine, linesOf, notIn, toLines } from '../lines';
import { chunkPath, CHUNKS, objectName } from '../object-name';
import { removeAbandoned, UNFINISHED, unfinishedName } from './unfinished-files';

/** What {@link fileSystemSink} takes. */
export interface FileSystemSinkOptions {
  /** Folder of the files; created when it is first needed. */
  directory: string;
  /** File name extension, without the dot. Default `json`. */
  extension?: string;
  /**
   * Whether each file is flushed to the disk before it counts as written. Default false: a written file then
   * survives a crash of any process, but not of the machine.
   */
  fsync?: boolean;
  /**
   * In the chunk lane: writes one file per chunk instead of one per message, at
   * `chunks/<topic>/<partition>/<first>-<last>.ndjson`, with one value per line. A value with a line break, or an
   * empty one, gets a file of its own. Default false.
   */
  chunkFiles?: boolean;
}

/**
 * Writes one file per message, named by the message id, with the record's value byte for byte. A file appears
 * whole or not at all. The first writer wins, because `link` fails if the name is taken.
 */
export function fileSystemSink(options: FileSystemSinkOptions): Sink {
  const { directory, extension = 'json', fsync = false, chunkFiles = false } = options;
  const made = new Map<string, Promise<unknown>>();

  const unfinishedFolder = join(directory, UNFINISHED);
  let swept: Promise<void> | undefined;

  async function ready(folder: string): Promise<void> {
    let folderMade = made.get(folder);
    if (!folderMade) made.set(folder, (folderMade = makeFolder(folder, fsync)));
    try {
      await folderMade;
    } catch (error) {
      made.delete(folder);
      throw error;
    }
  }

  async function create(path: string, content: Buffer): Promise<'created' | 'exists'> {
    const folder = dirname(path);
    const unfinished = join(unfinishedFolder, unfinishedName());
    await ready(folder);
    await ready(unfinishedFolder);
    await (swept ??= removeAbandoned(unfinishedFolder));
    try {
      const file = await open(unfinished, 'wx');
      try {
        await file.writeFile(content);
        if (fsync) await file.sync();
      } finally {
        await file.close();
      }
      await link(unfinished, path);
      if (fsync) await syncDirectory(folder);
      return 'created';
    } catch (error) {
      if (errorCode(error) === 'EEXIST') {
        // The file's writer may not have flushed the folder yet.
        if (fsync) await syncDirectory(folder);
        return 'exists';
      }
      // The folders may have been deleted, so the next attempt makes them again.
      made.delete(folder);
      made.delete(unfinishedFolder);
      throw error;
    } finally {
      // A file that can't be removed is not part of the sink, and must not hide how the write ended.
      await unlink(unfinished).catch(() => undefined);
    }
  }

  const pathOf = (messageId: string) => join(directory, `${objectName(messageId)}.${extension}`);

  async function write(record: SinkRecord): Promise<WriteResult> {
    const path = pathOf(record.messageId);
    if ((await create(path, record.value)) === 'created') {
      return { outcome: 'written', location: path };
    }
    const existing = await readFile(path);
    if (existing.equals(record.value)) return { outcome: 'duplicate', location: path };
    throw new DeliveryError('ContentConflict', `${path} holds other content`);
  }

  async function writeChunk(records: SinkRecord[], range: ChunkRange): Promise<ChunkWriteResult> {
    const path = join(directory, chunkPath(range));
    const lines = records.filter(isLine);
    const others = records.filter((record) => !isLine(record));
    if (lines.length === 0) return { outcome: 'written', without: others };
    if ((await create(path, toLines(lines))) === 'created') {
      return { outcome: 'written', location: path, without: others };
    }
    const missing = notIn(await readFile(path), lines);
    return { outcome: 'duplicate', location: path, without: [...others, ...missing] };
  }

  return {
    ...(chunkFiles && { writeChunk }),
    write,
    async check() {
      const path = join(unfinishedFolder, unfinishedName());
      await create(path, Buffer.alloc(0));
      await unlink(path);
    },
    classify: classifyFileSystemError,
    async find(messageId) {
      const location = pathOf(messageId);
      try {
        const [content, { mtime }] = await Promise.all([readFile(location), stat(location)]);
        const sha256 = createHash('sha256').update(content).digest('hex');
        return { location, bytes: content.length, sha256, writtenAt: mtime };
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    async *stored() {
      let entries;
      try {
        entries = await opendir(directory);
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return;
        throw error;
      }
      for await (const entry of entries) {
        // Earlier versions kept unfinished files here, under names that begin like the folder's.
        if (entry.isFile() && !entry.name.startsWith(UNFINISHED)) {
          yield readFile(join(directory, entry.name));
        }
      }
      yield* storedInChunks(join(directory, CHUNKS));
    },
  };
}

async function* storedInChunks(folder: string): AsyncGenerator<Buffer> {
  let entries;
  try {
    entries = await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) {
    if (!entry.isFile() || !entry.name.endsWith('.ndjson')) continue;
    yield* linesOf(await readFile(join(entry.parentPath, entry.name)));
  }
}

async function makeFolder(folder: string, fsync: boolean): Promise<void> {
  const top = await mkdir(folder, { recursive: true });
  if (!fsync || top === undefined) return;
  for (let made = folder; made !== dirname(top); made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
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

/** Error codes of `link` if there are no hard links: FAT, some network and most object store file systems. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'];

/** Classifies an error. A full or read-only disk can be mended; a name that the file system refuses can't. */
function classifyFileSystemError(error: unknown): DeliveryFailure | undefined {
  const code = errorCode(error);
  if (typeof code !== 'string') return undefined;
  if ((error as { syscall?: unknown }).syscall === 'link' && NO_LINKS.includes(code)) {
    const mend = 'the sink needs a file system with hard links, and one for the whole folder';
    return { type: 'Transient', message: `${errorMessage(error)}; ${mend}` };
  }
  const permanent = code === 'ENAMETOOLONG' || code === 'EINVAL' || code === 'EISDIR';
  return { type: permanent ? 'Permanent' : 'Transient', message: errorMessage(error) };
}
