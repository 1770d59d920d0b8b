/** Keys of the local servers. They are not secret, because only this machine reaches the servers. */
export const LOCAL_S3 = {
  region: 'us-east-1',
  accessKeyId: 'cloudsync',
  secretAccessKey: 'cloudsync-local',
};

/** The account that every Azurite has, with its published key. */
const AZURITE_ACCOUNT = 'devstoreaccount1';
const AZURITE_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** `url` as in `http://127.0.0.1:10000`. */
export function azuriteConnectionString(url: string): string {
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${AZURITE_ACCOUNT}`,
    `AccountKey=${AZURITE_KEY}`,
    `BlobEndpoint=${url}/${AZURITE_ACCOUNT}`,
  ].join(';');
}
