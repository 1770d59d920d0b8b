import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '../../../src/settings/config';
import { UsageError } from '../../../src/domain/errors';
import referenceStreams from '../../../src/reference/streams/index';
import { write } from '../../sinks/support/write';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-reference-'));
});
afterEach(() => rm(directory, { recursive: true }));

function streams(env: Record<string, string> = {}) {
  const [aws, azure] = referenceStreams(loadSettings({ CLOUDSYNC_SINK_DIR: directory, ...env }));
  return { aws: aws!, azure: azure! };
}

test('the reference streams share only the topic', () => {
  const { aws, azure } = streams();
  expect(aws).toMatchObject({
    name: 'aws',
    topic: 'cloudsync.messages',
    groupId: 'aws-sync-group',
    deadLetterTopic: 'aws-sync-dlq',
    taskQueue: 'cloudsync-aws',
  });
  expect(azure).toMatchObject({
    name: 'azure',
    topic: 'cloudsync.messages',
    groupId: 'azure-sync-group',
    deadLetterTopic: 'azure-sync-dlq',
    taskQueue: 'cloudsync-azure',
  });
});

test('each reference stream writes to a folder of its own', async () => {
  const { aws, azure } = streams();
  await write(aws.sink);
  await write(azure.sink);
  expect((await readdir(directory)).sort()).toEqual(['aws', 'azure']);
  expect((await readdir(join(directory, 'azure'))).sort()).toEqual(['.unfinished', '42.json']);
});

test('the reference streams take topic, retries and idempotency from the settings', () => {
  const { aws, azure } = streams({
    CLOUDSYNC_TOPIC: 'orders',
    CLOUDSYNC_RETRY_MAX_ATTEMPTS: '3',
    CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES: '10',
  });
  for (const stream of [aws, azure]) {
    expect(stream.topic).toBe('orders');
    expect(stream.retry.maximumAttempts).toBe(3);
    expect(stream.idempotency).toEqual({ maxEntries: 10 });
  }
});

describe('with CLOUDSYNC_SINK=cloud', () => {
  const s3 = { CLOUDSYNC_S3_BUCKET: 'bucket' };
  const azure = {
    CLOUDSYNC_AZURE_CONTAINER: 'container',
    AZURE_STORAGE_CONNECTION_STRING: 'UseDevelopmentStorage=true',
  };
  const make = (env: Record<string, string>, names?: string[]) =>
    referenceStreams(loadSettings({ CLOUDSYNC_SINK: 'cloud', ...env }), names);

  test('the reference streams write to the clouds, and a chunk as one object only if the settings say so', () => {
    for (const { sink } of make({ ...s3, ...azure })) {
      expect(sink).not.toHaveProperty('writeChunk');
      expect(sink).toHaveProperty('stored');
    }
    for (const { sink } of make({ ...s3, ...azure, CLOUDSYNC_CHUNK_OBJECTS: 'true' })) {
      expect(sink).toHaveProperty('writeChunk');
    }
  });

  test('only the settings of the selected streams are required', () => {
    expect(make(s3, ['aws']).map(({ name }) => name)).toEqual(['aws']);
    expect(make(azure, ['azure']).map(({ name }) => name)).toEqual(['azure']);
    expect(() => make(s3)).toThrow(UsageError);
    expect(() => make(azure)).toThrow(UsageError);
  });

  test('the error names the missing settings', () => {
    expect(() => make({}, ['aws'])).toThrow(/CLOUDSYNC_S3_BUCKET: stream aws needs it/);
    expect(() => make({}, ['azure'])).toThrow(
      /CLOUDSYNC_AZURE_CONTAINER, AZURE_STORAGE_CONNECTION_STRING or CLOUDSYNC_AZURE_ACCOUNT_URL: stream azure needs them/,
    );
  });

  test('fail on demand', async () => {
    const [aws] = make({ ...s3, CLOUDSYNC_FAULTS: 'aws:permanent=1' }, ['aws']);
    await expect(write(aws!.sink)).rejects.toMatchObject({ type: 'Permanent' });
  });
});

test('CLOUDSYNC_FAULTS makes only the named stream fail', async () => {
  const { aws, azure } = streams({ CLOUDSYNC_FAULTS: 'azure:permanent=1' });
  await expect(write(aws.sink)).resolves.toMatchObject({ outcome: 'written' });
  await expect(write(azure.sink)).rejects.toMatchObject({ type: 'Permanent' });
});
