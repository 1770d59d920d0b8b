/**
 * `cloudsync/azure-blob`: the sink for Azure Blob Storage, which needs the package `@azure/storage-blob`, and
 * `@azure/identity` for the default credential.
 */
export {
  azureBlobSink,
  type AzureBlobClient,
  type AzureBlobSinkOptions,
  type AzureCredential,
} from './sinks/object-store/azure-blob';
export type { ObjectSinkOptions } from './sinks/object-store/object-store';
