import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { addressesAsEnvironment } from '../../../src/cli/dev/dev-up';
import { LOCAL_S3 } from '../../../src/dev-servers';

const before = process.env;
const directory = mkdtempSync(join(tmpdir(), 'cloudsync-profile-'));
afterEach(() => (process.env = before));
afterAll(() => rmSync(directory, { recursive: true }));

test('dev up uses the keys of the local S3 even if the shell has an AWS account', async () => {
  const file = join(directory, 'credentials');
  writeFileSync(file, '[work]\naws_access_key_id = real\naws_secret_access_key = real\n');
  process.env = {
    ...{ AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'work', AWS_SESSION_TOKEN: 'real' },
    ...addressesAsEnvironment({
      kafka: { brokers: ['127.0.0.1:1'] },
      temporal: { address: '127.0.0.1:2', namespace: 'default' },
      cloud: { s3: { endpoint: 'http://127.0.0.1:3', bucket: 'cloudsync', ...LOCAL_S3 } },
    }),
  };
  const credentials = await new S3Client({}).config.credentials();
  expect(credentials).toMatchObject({
    accessKeyId: LOCAL_S3.accessKeyId,
    secretAccessKey: LOCAL_S3.secretAccessKey,
  });
  expect(credentials).not.toHaveProperty('sessionToken');
});
