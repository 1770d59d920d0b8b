import type { TokenCredential } from '@azure/identity';
import type * as Sdk from '@azure/storage-blob';
import { UsageError } from '../../domain/errors';
import type { Sink } from '../../domain/stream/sink';
import { AZURE_BLOB_ERRORS, azureBlobAnswer } from './azure-blob-errors';
import { classifyAnswer } from './cloud-errors';
import { mustBe, objectStoreSink, type ObjectSinkOptions, type ObjectStore } from './object-store';

export interface AzureBlobSinkOptions extends ObjectSinkOptions {
  container: string;
  /** Connection string of the storage account, with a key or a shared access signature. */
  connectionString?: string;
  /**
   * Address of the blob service, `https://<account>.blob.core.windows.net`. A shared access signature in its
   * query is used in place of a credential.
   */
  accountUrl?: string;
  /** Credential for `accountUrl`. Default: the `DefaultAzureCredential` of `@azure/identity`. */
  credential?: TokenCredential;
  /** A client of your own in place of the three options above. It needs `retryOptions: { maxTries: 1 }`. */
  client?: Sdk.BlobServiceClient;
}

/**
 * Writes one blob per message to a container of Azure Blob Storage. The SDK is loaded with the first call. Throws
 * a {@link UsageError} if options are missing or wrong.
 */
export function azureBlobSink(options: AzureBlobSinkOptions): Sink {
  if (!options.container) throw new UsageError('the Azure Blob sink needs the name of a container');
  const { client, connectionString, accountUrl } = options;
  if (!client && connectionString === undefined && accountUrl === undefined) {
    throw new UsageError('the Azure Blob sink needs connectionString, accountUrl or client');
  }
  if (connectionString !== undefined && !isConnectionString(connectionString)) {
    throw new UsageError(
      'connectionString of the Azure Blob sink is not that of a storage account',
    );
  }
  if (accountUrl !== undefined && !isAccountUrl(accountUrl)) {
    throw new UsageError(
      'accountUrl of the Azure Blob sink must be an https:// URL without user and password',
    );
  }
  return objectStoreSink(() => openContainer(options), options);
}

/** Whether the text has the parts that the SDK needs. Whether they are right, only the account can say. */
export function isConnectionString(text: string): boolean {
  if (text.startsWith('UseDevelopmentStorage=true')) return true;
  const has = (name: string, value = '[^;]') => new RegExp(`(^|;)\\s*${name}=${value}`).test(text);
  const place = has('BlobEndpoint', 'https?://[^;]');
  if (has('DefaultEndpointsProtocol', 'https?(;|$)') && has('AccountKey')) {
    return has('AccountName') && (place || has('EndpointSuffix'));
  }
  return place && has('SharedAccessSignature');
}

/**
 * Whether the text is a usable account URL. A token must not travel in clear text; a signature may, to a local
 * server.
 */
export function isAccountUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, search, username, password } = new URL(text);
  if (username || password) return false;
  return protocol === 'https:' || (protocol === 'http:' && search !== '');
}

async function openContainer(options: AzureBlobSinkOptions): Promise<ObjectStore> {
  const client = options.client ?? (await createClient(options));
  const container = client.getContainerClient(options.container);
  return {
    async create(key, { content, contentType, metadata }, abortSignal) {
      try {
        const { etag } = await container.getBlockBlobClient(key).upload(content, content.length, {
          conditions: { ifNoneMatch: '*' },
          blobHTTPHeaders: { blobContentType: contentType },
          ...{ metadata, abortSignal },
        });
        mustBe(etag);
        return 'created';
      } catch (error) {
        const { status, code } = azureBlobAnswer(error) ?? {};
        if (status === 412 || code === 'BlobAlreadyExists') return 'exists';
        throw error;
      }
    },

    head: (key, abortSignal) =>
      unlessMissing(async () => {
        const properties = await container.getBlobClient(key).getProperties({ abortSignal });
        const { contentLength = 0, etag, lastModified, metadata = {} } = properties;
        mustBe(etag);
        return { length: contentLength, metadata, modified: lastModified };
      }),

    get: (key, abortSignal) =>
      unlessMissing(async () => {
        const blob = container.getBlobClient(key);
        const { etag, readableStreamBody } = await blob.download(0, undefined, {
          abortSignal,
          maxRetryRequests: 0,
        });
        mustBe(etag);
        const parts: Buffer[] = [];
        for await (const part of readableStreamBody!) parts.push(part as Buffer);
        return Buffer.concat(parts);
      }),

    async remove(key, abortSignal) {
      await container.deleteBlob(key, { abortSignal });
    },

    async list(prefix, continuationToken, abortSignal) {
      const pages = container
        .listBlobsFlat({ prefix, abortSignal })
        .byPage({ ...(continuationToken !== undefined && { continuationToken }) });
      const { value } = (await pages.next()) as { value: BlobPage };
      return {
        keys: value.segment.blobItems.map(({ name }) => name),
        next: value.continuationToken || undefined,
      };
    },

    // The query may be a signature.
    location: (key) => container.getBlobClient(key).url.split('?')[0]!,

    classify(error) {
      const answer = azureBlobAnswer(error);
      return answer && classifyAnswer(answer, AZURE_BLOB_ERRORS);
    },

    // The SDK shares its connections between clients, and closes none of them.
    close: () => undefined,
  };
}

interface BlobPage {
  segment: { blobItems: { name: string }[] };
  continuationToken?: string;
}

async function createClient(options: AzureBlobSinkOptions): Promise<Sdk.BlobServiceClient> {
  const { connectionString, accountUrl, credential } = options;
  // To the compiler, a class that is loaded like this is not the class of the types above.
  const { BlobServiceClient } = (await import('@azure/storage-blob')) as unknown as typeof Sdk;
  // Temporal retries already. The SDK's own retries would multiply the attempts, out of sight.
  const pipeline = { retryOptions: { maxTries: 1 } };
  if (connectionString !== undefined) {
    return BlobServiceClient.fromConnectionString(connectionString, pipeline);
  }
  if (new URL(accountUrl!).search !== '')
    return new BlobServiceClient(accountUrl!, undefined, pipeline);
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new BlobServiceClient(accountUrl!, credential ?? new DefaultAzureCredential(), pipeline);
}

async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const { status, code } = azureBlobAnswer(error) ?? {};
    if (status === 404 && (code === undefined || code === 'BlobNotFound')) return undefined;
    throw error;
  }
}
