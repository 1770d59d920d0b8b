/**
 * The sink for Azure Blob Storage. It needs one more package: `npm install @azure/storage-blob@12`. The default credential needs
 * `@azure/identity` too.
 * @module cloudsync/azure-blob
 */
export {
  azureBlobSink,
  type AzureBlobClient,
  type AzureBlobSinkOptions,
  type AzureCredential,
} from './sinks/object-store/azure-blob';
export type { ObjectSinkOptions } from './sinks/object-store/object-store';
