import { setTimeout as sleep } from 'node:timers/promises';
import { mapConcurrently } from '../../lib/concurrently';
import type { ChunkRange } from '../../domain/record/record';
import {
  classifyError,
  DeliveryError,
  isRetryable,
  type ErrorClassifier,
} from '../../domain/errors';
import type {
  ChunkWriteResult,
  Sink,
  SinkRecord,
  WriteContext,
  WriteResult,
} from '../../domain/stream/sink';
import { isLine, linesOf, notIn, toLines } from '../lines';
import { objectKeys } from './object-keys';
import { contentMetadata, recordMetadata, writtenBy, type ObjectMetadata } from './object-metadata';
import { PROBE_KEY, tryConditions } from './store-probe';
import { withinTime } from '../within-time';

/** Options that the sinks of all object stores share. */
export interface ObjectSinkOptions {
  /** Beginning of the keys of all objects, without `/` at either end. Default: nothing. */
  prefix?: string;
  /** Extension of a message's object, without the dot. Default `json`. */
  extension?: string;
  /** Content type of a message's object. Default `application/json`. */
  contentType?: string;
  /** Limit for one request in milliseconds; default 10,000. An attempt makes one or two requests. */
  requestTimeoutMs?: number;
  /**
   * In the chunk lane: writes one object per chunk instead of one per message, at
   * `<prefix>/chunks/<topic>/<partition>/<first>-<last>.ndjson`, with one value per line. A value with a line
   * break, or an empty one, gets an object of its own. Default false.
   */
  chunkObjects?: boolean;
}

/** The few calls that a sink makes to an object store. Each makes one request and never repeats it. */
export interface ObjectStore {
  /** Atomic: if several requests create a key, exactly one of them succeeds. */
  create(
    key: string,
    object: { content: Buffer; contentType: string; metadata: ObjectMetadata },
    signal: AbortSignal,
  ): Promise<'created' | 'exists'>;
  /** Undefined if there is no object. */
  head(
    key: string,
    signal: AbortSignal,
  ): Promise<{ length: number; metadata: ObjectMetadata; modified?: Date | undefined } | undefined>;
  get(key: string, signal: AbortSignal): Promise<Buffer | undefined>;
  remove(key: string, signal: AbortSignal): Promise<void>;
  /** One page of the keys that begin with a prefix. */
  list(prefix: string, from: string | undefined, signal: AbortSignal): Promise<KeyPage>;
  /** For people: the object's address, without secrets. */
  location(key: string): string;
  classify: ErrorClassifier;
  close(): void;
}

export interface KeyPage {
  keys: string[];
  /** Where the next page begins; absent on the last one. */
  next?: string | undefined;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** Limit for the requests that try the store before the first write. */
const PROBE_REQUESTS = 4;
/** Parallel reads in `stored`, and the attempts for each read. */
const READS = 16;
const READ_ATTEMPTS = 5;
const LONGEST_READ_PAUSE_MS = 30_000;

/**
 * Makes a sink on an object store: one object per message, named by the message id, with the record's value byte
 * for byte. The first writer wins, because the store creates conditionally. If an object exists already, its
 * metadata says whether the content is the same. `open` is called when the store is first needed.
 */
export function objectStoreSink(
  open: () => Promise<ObjectStore>,
  options: ObjectSinkOptions,
): Sink {
  const { contentType = 'application/json', requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const keys = objectKeys(options.prefix, options.extension);
  let opened: Promise<ObjectStore> | undefined;
  let tried: Promise<void> | undefined;

  /** If the store could not be opened, the next call opens it again. */
  function opening(): Promise<ObjectStore> {
    return (opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    }));
  }

  /** Makes one request. The error of a failure says what was requested, and for which object. */
  async function ask<T>(
    what: string,
    key: string,
    outer: AbortSignal | undefined,
    request: (store: ObjectStore, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const store = await opening();
    try {
      return await withinTime(requestTimeoutMs, outer, (signal) => request(store, signal));
    } catch (error) {
      if (outer?.aborted) throw error;
      const { type, message, retryAfterMs } = classifyError(error, (e) => store.classify(e));
      throw new DeliveryError(type, `${what} ${store.location(key)}: ${message}`, {
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    }
  }

  /**
   * Creates the probe object as the first record would be written, but with an error text of its own for a
   * refusal.
   */
  async function createProbe(key: string): Promise<'created' | 'exists'> {
    const content = Buffer.from(
      'CloudSync tries with this object whether the store creates once.\n',
    );
    const object = { content, contentType: 'text/plain', metadata: contentMetadata(content) };
    try {
      return await ask('PUT', key, undefined, (store, s) => store.create(key, object, s));
    } catch (error) {
      const { type, message, retryAfterMs } = classifyError(error);
      if (isRetryable(type)) throw error;
      // No record is at fault, though the first record may be the first to make a request.
      throw new DeliveryError('Transient', `the store can't be tried: ${message}`, {
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    }
  }

  /** Tries the store before the first record of this process. If that fails, the next record tries it again. */
  async function usable(signal: AbortSignal): Promise<void> {
    const key = `${keys.folder}${PROBE_KEY}`;
    tried ??= opening()
      .then((store) =>
        tryConditions({
          create: () => createProbe(key),
          remove: () => ask('DELETE', key, undefined, (store, s) => store.remove(key, s)),
          location: store.location(key),
        }),
      )
      .catch((error: unknown) => {
        tried = undefined;
        throw error;
      });
    const trying = tried;
    await withinTime(PROBE_REQUESTS * requestTimeoutMs, signal, () => trying);
  }

  async function write(record: SinkRecord, { signal, trace }: WriteContext): Promise<WriteResult> {
    const key = keys.message(record.messageId);
    const metadata = recordMetadata(record, trace);
    const object = { content: record.value, contentType, metadata };
    await usable(signal);
    const created = await ask('PUT', key, signal, (store, s) => store.create(key, object, s));
    const location = (await opened!).location(key);
    if (created === 'created') return { outcome: 'written', location };
    const found = await ask('HEAD', key, signal, (store, s) => store.head(key, s));
    if (!found) throw deletedMeanwhile(location);
    const same =
      found.length === record.value.length &&
      found.metadata.cloudsync_sha256 === metadata.cloudsync_sha256;
    if (!same) throw new DeliveryError('ContentConflict', conflict(location, found.metadata));
    const writer = writtenBy(found.metadata);
    return { outcome: 'duplicate', location, ...(writer && { writtenBy: writer }) };
  }

  async function writeChunk(
    records: SinkRecord[],
    range: ChunkRange,
    { signal }: WriteContext,
  ): Promise<ChunkWriteResult> {
    const key = keys.chunk(range);
    const lines = records.filter(isLine);
    const others = records.filter((record) => !isLine(record));
    if (lines.length === 0) return { outcome: 'written', without: others };
    const content = toLines(lines);
    const object = {
      content,
      contentType: 'application/x-ndjson',
      metadata: contentMetadata(content),
    };
    await usable(signal);
    const created = await ask('PUT', key, signal, (store, s) => store.create(key, object, s));
    const location = (await opened!).location(key);
    if (created === 'created') return { outcome: 'written', location, without: others };
    const found = await ask('GET', key, signal, (store, s) => store.get(key, s));
    if (!found) throw deletedMeanwhile(location);
    return { outcome: 'duplicate', location, without: [...others, ...notIn(found, lines)] };
  }

  async function* storedKeys(): AsyncGenerator<string> {
    let from: string | undefined;
    do {
      const page = await patiently(() =>
        ask('LIST', keys.folder, undefined, (store, s) => store.list(keys.folder, from, s)),
      );
      yield* page.keys.filter((key) => keys.kind(key) !== undefined);
      from = page.next;
    } while (from !== undefined);
  }

  async function valuesOf(key: string): Promise<Buffer[]> {
    const content = await patiently(() =>
      ask('GET', key, undefined, (store, s) => store.get(key, s)),
    );
    // The object was deleted after it was listed.
    if (!content) return [];
    return keys.kind(key) === 'chunk' ? linesOf(content) : [content];
  }

  return {
    write,
    check: usable,
    ...(options.chunkObjects && { writeChunk }),
    async find(messageId) {
      const key = keys.message(messageId);
      const found = await patiently(() =>
        ask('HEAD', key, undefined, (store, s) => store.head(key, s)),
      );
      if (!found) return undefined;
      const { length, metadata, modified } = found;
      const writer = writtenBy(metadata);
      return {
        location: (await opened!).location(key),
        bytes: length,
        ...(metadata.cloudsync_sha256 !== undefined && { sha256: metadata.cloudsync_sha256 }),
        ...(writer && { writtenBy: writer }),
        ...(modified && { writtenAt: modified }),
      };
    },
    async *stored() {
      for await (const values of mapConcurrently(storedKeys(), READS, valuesOf)) yield* values;
    },
    async close() {
      (await opened)?.close();
    },
  };
}

/**
 * Throws if an answer lacks a part that only the store's own answers have. A login page of the network in between
 * also says 200.
 */
export function mustBe(part: unknown): void {
  if (part !== undefined) return;
  throw new DeliveryError('Transient', 'something else than the object store has answered');
}

function deletedMeanwhile(location: string): DeliveryError {
  return new DeliveryError(
    'Transient',
    `${location} existed at the PUT and was gone at the next read: it has been deleted since, or the store is inconsistent`,
  );
}

function conflict(location: string, metadata: ObjectMetadata): string {
  if (metadata.cloudsync_sha256 === undefined) {
    return `${location} was not written by CloudSync: it has no cloudsync_sha256 in its metadata`;
  }
  return `${location} holds other content, of record ${metadata.cloudsync_record ?? 'unknown'}`;
}

/** Repeats a read, because nobody else does. A read that fails for a while must not end a list of millions. */
async function patiently<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      const { type, retryAfterMs = 100 * 2 ** attempt } = classifyError(error);
      if (!isRetryable(type) || attempt === READ_ATTEMPTS) throw error;
      await sleep(Math.min(retryAfterMs, LONGEST_READ_PAUSE_MS));
    }
  }
}
