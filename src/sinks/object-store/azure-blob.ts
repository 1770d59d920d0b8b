import type * as Sdk from '@azure/storage-blob';
import { UsageError } from '../../domain/errors';
import { requireInstalled } from '../../domain/optional-packages';
import type { Sink } from '../../domain/stream/sink';
import { AZURE_BLOB_ERRORS, azureBlobAnswer } from './azure-blob-errors';
import { classifyAnswer } from './cloud-errors';
import { mustBe, objectStoreSink, type ObjectSinkOptions, type ObjectStore } from './object-store';

/** What {@link azureBlobSink} takes. One of `connectionString`, `accountUrl` and `client` is needed. */
export interface AzureBlobSinkOptions extends ObjectSinkOptions {
  /** Name of the container, which must exist. */
  container: string;
  /** Connection string of the storage account, with a key or a shared access signature. */
  connectionString?: string;
  /**
   * Address of the blob service, `https://<account>.blob.core.windows.net`. A shared access signature in its
   * query is used in place of a credential.
   */
  accountUrl?: string;
  /** Credential for `accountUrl`. Default: the `DefaultAzureCredential` of `@azure/identity`. */
  credential?: AzureCredential;
  /** A client of your own in place of the three options above. It needs `retryOptions: { maxTries: 1 }`. */
  client?: AzureBlobClient;
}

/** A credential of `@azure/identity`, or any other that has its method `getToken`. */
export interface AzureCredential {
  /**
   * Gets an access token. `null` means that the credential has no token for these scopes.
   */
  getToken(
    scopes: string | string[],
    options?: object,
  ): Promise<{
    /** The token itself. */
    token: string;
    /** When it expires, in milliseconds since 1970. */
    expiresOnTimestamp: number;
  } | null>;
}

/**
 * A `BlobServiceClient` of `@azure/storage-blob`. The type names two of its members only, because the SDK declares its
 * classes twice, for ES modules and for CommonJS, and TypeScript does not accept one in place of the other.
 */
export interface AzureBlobClient {
  /** Name of the storage account. */
  readonly accountName: string;
  /** Makes the client of a container, without a request. */
  getContainerClient(name: string): {
    /** Name of the container. */
    readonly containerName: string;
  };
}

/**
 * One blob per message in a container of Azure Blob Storage. The SDK is loaded with the first call. Throws a
 * {@link UsageError} if an option is wrong, or if a package is not installed that it needs.
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
  requireInstalled('the Azure Blob sink', client ? [] : ['@azure/storage-blob']);
  if (needsIdentity(options)) {
    requireInstalled('accountUrl of the Azure Blob sink without a credential', ['@azure/identity']);
  }
  return objectStoreSink(() => openContainer(options), options);
}

/** Whether the default credential is the one to use. A signature in the URL takes the place of a credential. */
function needsIdentity(options: AzureBlobSinkOptions): boolean {
  const { client, connectionString, accountUrl, credential } = options;
  if (client || connectionString !== undefined || credential) return false;
  return new URL(accountUrl!).search === '';
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
  const client = (options.client as Sdk.BlobServiceClient) ?? (await createClient(options));
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
  return new BlobServiceClient(accountUrl!, credential ?? (await defaultCredential()), pipeline);
}

async function defaultCredential(): Promise<AzureCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
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
