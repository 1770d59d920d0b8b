import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import {
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { BlobServiceClient } from '@azure/storage-blob';
import { azuriteConnectionString, LOCAL_S3 } from '../../../../src/dev-servers';
import type { Sink } from '../../../../src/domain/stream/sink';
import { azureBlobSink } from '../../../../src/sinks/object-store/azure-blob';
import { fileSystemSink } from '../../../../src/sinks/filesystem/filesystem';
import { s3Sink } from '../../../../src/sinks/object-store/s3';
import { STORE, type Clouds } from '../../support/clouds';
import type { FaultProxy, FaultyAnswer } from '../../support/fault-proxy';

export interface SinkOptions {
  requestTimeoutMs?: number;
  chunkObjects?: boolean;
  /** The name of the bucket or container. */
  store?: string;
}

/** A sink of one kind, with functions that access its store directly. */
export interface Subject {
  /** Opens a sink that writes below the prefix, through the proxy if there is one. */
  sink(prefix: string, options?: SinkOptions): Sink;
  /** The keys of all objects below a prefix, without the prefix. */
  keys(prefix: string): Promise<string[]>;
  /** Writes an object as a foreign program does. */
  put(key: string, content: string): Promise<void>;
  remove(key: string): Promise<void>;
}

export async function fileSubject(): Promise<Subject & { close(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'cloudsync-contract-'));
  return {
    sink: (prefix, { chunkObjects = false } = {}) =>
      fileSystemSink({ directory: join(root, prefix), chunkFiles: chunkObjects }),
    async keys(prefix) {
      const folder = join(root, prefix);
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
    },
    async put(key, content) {
      await mkdir(dirname(join(root, key)), { recursive: true });
      await writeFile(join(root, key), content);
    },
    remove: (key) => rm(join(root, key)),
    close: () => rm(root, { recursive: true, force: true }),
  };
}

export function s3Subject(clouds: Clouds, proxy: FaultProxy): Subject {
  const { region, ...credentials } = LOCAL_S3;
  const config = { region, credentials };
  const direct = new S3Client({ ...config, endpoint: clouds.s3, forcePathStyle: true });
  return {
    sink: (prefix, { store = STORE, ...options } = {}) =>
      s3Sink({
        ...{ bucket: store, prefix, forcePathStyle: true, ...options },
        clientConfig: { ...config, endpoint: proxy.url },
      }),
    async keys(prefix) {
      const list = new ListObjectsV2Command({ Bucket: STORE, Prefix: `${prefix}/` });
      const { Contents = [] } = await direct.send(list);
      return Contents.map(({ Key }) => Key!.slice(prefix.length + 1));
    },
    async put(Key, Body) {
      await direct.send(new PutObjectCommand({ Bucket: STORE, Key, Body }));
    },
    async remove(Key) {
      await direct.send(new DeleteObjectCommand({ Bucket: STORE, Key }));
    },
  };
}

export function blobSubject(clouds: Clouds, proxy: FaultProxy): Subject {
  const connection = azuriteConnectionString(clouds.blob);
  const direct = BlobServiceClient.fromConnectionString(connection).getContainerClient(STORE);
  return {
    sink: (prefix, { store = STORE, ...options } = {}) =>
      azureBlobSink({
        ...{ container: store, prefix, ...options },
        connectionString: azuriteConnectionString(proxy.url),
      }),
    async keys(prefix) {
      const keys: string[] = [];
      for await (const { name } of direct.listBlobsFlat({ prefix: `${prefix}/` })) {
        keys.push(name.slice(prefix.length + 1));
      }
      return keys;
    },
    async put(key, content) {
      await direct.getBlockBlobClient(key).upload(content, Buffer.byteLength(content));
    },
    async remove(key) {
      await direct.deleteBlob(key);
    },
  };
}

/** An error in the form of each cloud. */
export function cloudError(
  status: number,
  code: string,
  headers: Record<string, string> = {},
): FaultyAnswer {
  return {
    status,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': code, ...headers },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>No.</Message></Error>`,
  };
}

export const HTML = {
  status: 502,
  headers: { 'content-type': 'text/html' },
  body: '<html><body><h1>502 Bad Gateway</h1></body></html>',
};
