import { azureBlobSink } from '../../azure-blob';
import { UsageError, type Settings } from '../../index';
import { referenceStream } from './reference-stream';

/** Messages to Azure. */
export function azureStream(settings: Settings) {
  return referenceStream('azure', settings, () => {
    const { container, connectionString, accountUrl } = settings.azure;
    const missing = [
      ...(container === undefined ? ['CLOUDSYNC_AZURE_CONTAINER'] : []),
      ...(connectionString === undefined && accountUrl === undefined
        ? ['AZURE_STORAGE_CONNECTION_STRING or CLOUDSYNC_AZURE_ACCOUNT_URL']
        : []),
    ];
    if (container === undefined || missing.length > 0) {
      throw new UsageError(
        `${missing.join(', ')}: stream azure needs ${missing.length > 1 ? 'them' : 'it'} with CLOUDSYNC_SINK=cloud`,
      );
    }
    return azureBlobSink({ ...settings.azure, container, chunkObjects: settings.chunkObjects });
  });
}
