import { randomUUID } from 'node:crypto';
import { link, mkdir, open, opendir, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ChunkRange } from '../domain/chunk';
import { DeliveryError, errorMessage, type DeliveryFailure } from '../domain/errors';
import type { Sink, SinkRecord, WriteResult } from '../domain/sink';
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
  /**
   * In the chunk lane: one file per chunk in place of one per message, at
   * `chunks/<topic>/<partition>/<first>-<last>.ndjson`, a value a line. A value with line breaks in it
   * gets a file of its own. Default false.
   */
  chunkFiles?: boolean;
}

/** Not part of any object name, as `objectName` encodes a leading dot. */
const UNFINISHED = '.unfinished-';

const CHUNKS = 'chunks';

/**
 * One file per message, named by the message id, with the record's value byte for byte. A file appears
 * whole or not at all, and the first one wins: `link` fails where the name is taken.
 */
export function fileSystemSink(options: FileSystemSinkOptions): Sink {
  const { directory, extension = 'json', fsync = false, chunkFiles = false } = options;
  const made = new Map<string, Promise<unknown>>();

  async function create(path: string, content: Buffer): Promise<'created' | 'exists'> {
    const folder = dirname(path);
    const unfinished = join(folder, `${UNFINISHED}${randomUUID()}`);
    let folderMade = made.get(folder);
    if (!folderMade) made.set(folder, (folderMade = mkdir(folder, { recursive: true })));
    try {
      await folderMade;
    } catch (error) {
      made.delete(folder);
      throw error;
    }
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
      if (errorCode(error) === 'EEXIST') return 'exists';
      // The folder may have been taken away.
      made.delete(folder);
      throw error;
    } finally {
      // What can't be removed is no part of the sink, and must not hide how the write ended.
      await unlink(unfinished).catch(() => undefined);
    }
  }

  async function write(record: SinkRecord): Promise<WriteResult> {
    const path = join(directory, `${objectName(record.messageId)}.${extension}`);
    if ((await create(path, record.value)) === 'created') {
      return { outcome: 'written', location: path };
    }
    const existing = await readFile(path);
    if (existing.equals(record.value)) return { outcome: 'duplicate', location: path };
    throw new DeliveryError('ContentConflict', `${path} holds other content`);
  }

  async function writeChunk(records: SinkRecord[], range: ChunkRange): Promise<WriteResult> {
    const { topic, partition, first, last } = range;
    const path = join(directory, CHUNKS, topic, String(partition), `${first}-${last}.ndjson`);
    const isLine = ({ value }: SinkRecord) => !value.includes(LINE_FEED) && value.length > 0;
    for (const record of records) if (!isLine(record)) await write(record);
    const lines = records.filter(isLine).map(({ value }) => value);
    const content = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
    if ((await create(path, content)) === 'created') return { outcome: 'written', location: path };
    const existing = await readFile(path);
    if (existing.equals(content) || isSameChunk(existing, lines)) {
      return { outcome: 'duplicate', location: path };
    }
    throw new DeliveryError('ContentConflict', `${path} holds other records`);
  }

  return {
    ...(chunkFiles && { writeChunk }),
    write,
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
      yield* storedInChunks(join(directory, CHUNKS));
    },
  };
}

const LINE_FEED = Buffer.from('\n');

function linesOf(content: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < content.length;) {
    const end = content.indexOf(0x0a, at);
    lines.push(content.subarray(at, end));
    at = end + 1;
  }
  return lines;
}

/**
 * Two attempts at a chunk may differ in what they left out as duplicates: then the lines of one are
 * among those of the other.
 */
function isSameChunk(existing: Buffer, lines: Buffer[]): boolean {
  const texts = (list: Buffer[]) => new Set(list.map((line) => line.toString('latin1')));
  const [before, now] = [texts(linesOf(existing)), texts(lines)];
  const [fewer, more] = before.size < now.size ? [before, now] : [now, before];
  return [...fewer].every((line) => more.has(line));
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
    if (!entry.isFile() || entry.name.startsWith(UNFINISHED)) continue;
    yield* linesOf(await readFile(join(entry.parentPath, entry.name)));
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

/** A full or read-only disk can be mended; a name that the file system refuses can't. */
function classifyFileSystemError(error: unknown): DeliveryFailure | undefined {
  const code = errorCode(error);
  if (typeof code !== 'string') return undefined;
  const permanent = code === 'ENAMETOOLONG' || code === 'EINVAL' || code === 'EISDIR';
  return { type: permanent ? 'Permanent' : 'Transient', message: errorMessage(error) };
}
