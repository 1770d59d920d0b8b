import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sinkRecord, write } from '../sinks/support/write';
import { appendOnlySink, readJournal, withJournal } from './journal';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-torture-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('an append-only sink stores every write', async () => {
  const sink = appendOnlySink(join(directory, 'appended.ndjson'));
  const empty: Buffer[] = [];
  for await (const value of sink.stored!()) empty.push(value);
  expect(empty).toEqual([]);
  const value = Buffer.from([0, 10, 255]);
  await write(sink, { value });
  await write(sink, { value });
  const stored: Buffer[] = [];
  for await (const one of sink.stored!()) stored.push(one);
  expect(stored).toEqual([value, value]);
});

test('the journal has a line for each answered write, and none for a failed one', async () => {
  const file = join(directory, 'journal.ndjson');
  expect(await readJournal(file)).toEqual([]);
  let works = true;
  const sink = withJournal(
    {
      write: () =>
        works
          ? Promise.resolve({ outcome: 'duplicate' as const })
          : Promise.reject(new Error('no')),
    },
    file,
  );
  const { messageId, partition, offset } = sinkRecord();
  await write(sink, { key: Buffer.from('k') });
  works = false;
  await expect(write(sink)).rejects.toThrow('no');
  expect(await readJournal(file)).toEqual([
    {
      ...{ time: expect.any(Number) as number, pid: process.pid },
      ...{ messageId, key: 'k', partition, offset, outcome: 'duplicate' },
    },
  ]);
});
