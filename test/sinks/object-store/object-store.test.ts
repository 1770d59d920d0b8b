import { DeliveryError } from '../../../src/domain/errors';
import {
  objectStoreSink,
  type KeyPage,
  type ObjectStore,
} from '../../../src/sinks/object-store/object-store';
import { sinkRecord, write } from '../support/write';

/** A store with these pages of keys. `read` returns the content of a key. */
function store(pages: Record<string, KeyPage>, read: (key: string) => Buffer | undefined) {
  const asked: (string | undefined)[] = [];
  const one: ObjectStore = {
    create: () => Promise.reject(new Error('not in this test')),
    head: () => Promise.reject(new Error('not in this test')),
    get: (key) => Promise.resolve().then(() => read(key)),
    remove: () => Promise.resolve(),
    list: (_, from) => {
      asked.push(from);
      return Promise.resolve(pages[from ?? 'first']!);
    },
    location: (key) => `store/${key}`,
    classify: () => undefined,
    close: () => undefined,
  };
  return { asked, one, sink: objectStoreSink(() => Promise.resolve(one), {}) };
}

async function stored(sink: ReturnType<typeof store>['sink']): Promise<string[]> {
  const values: string[] = [];
  for await (const value of sink.stored!()) values.push(String(value));
  return values;
}

test('stored lists all pages, even after an empty page', async () => {
  const pages = {
    first: { keys: ['a.json', 'readme.txt'], next: '2' },
    2: { keys: [], next: '3' },
    3: { keys: ['b.json', 'chunks/t/0/1-2.ndjson'] },
  };
  const { asked, sink } = store(pages, (key) =>
    Buffer.from(key.startsWith('chunks') ? 'x\ny\n' : key),
  );
  expect(await stored(sink)).toEqual(['a.json', 'b.json', 'x', 'y']);
  expect(asked).toEqual([undefined, '2', '3']);
});

test('stored skips objects that are deleted while it reads', async () => {
  const { sink } = store({ first: { keys: ['a.json', 'b.json'] } }, (key) =>
    key === 'a.json' ? undefined : Buffer.from(key),
  );
  expect(await stored(sink)).toEqual(['b.json']);
});

test('stored ends at a read that fails permanently, without a retry', async () => {
  let tries = 0;
  const { sink } = store({ first: { keys: ['a.json'] } }, () => {
    tries++;
    throw new DeliveryError('Permanent', 'no');
  });
  await expect(stored(sink)).rejects.toThrow('GET store/a.json: no');
  expect(tries).toBe(1);
});

test('stored tries a read with a transient failure five times', async () => {
  let tries = 0;
  const { sink } = store({ first: { keys: ['a.json'] } }, () => {
    if (++tries < 5) throw new DeliveryError('Throttled', 'slower', { retryAfterMs: 1 });
    return Buffer.from('at last');
  });
  expect(await stored(sink)).toEqual(['at last']);
});

test('find describes the object of a message by its metadata', async () => {
  const { one } = store({}, () => undefined);
  const modified = new Date('2026-01-02T03:04:05Z');
  const metadata = {
    cloudsync_sha256: 'abc',
    cloudsync_record: 'a%2Fb/3/1007',
    cloudsync_workflow_id: 'w',
  };
  const heads: Record<string, Awaited<ReturnType<ObjectStore['head']>>> = {
    'a.json': { length: 5, metadata, modified },
    'foreign.json': { length: 1, metadata: {} },
  };
  const sink = objectStoreSink(
    () => Promise.resolve({ ...one, head: (key) => Promise.resolve(heads[key]) }),
    {},
  );
  expect(await sink.find!('a')).toEqual({
    location: 'store/a.json',
    bytes: 5,
    sha256: 'abc',
    writtenBy: { topic: 'a/b', partition: 3, offset: 1007 },
    writtenAt: modified,
  });
  expect(await sink.find!('foreign')).toEqual({ location: 'store/foreign.json', bytes: 1 });
  expect(await sink.find!('none')).toBeUndefined();
});

test('close succeeds on a store that could not be opened, and the next call opens the store', async () => {
  let faults = 1;
  const { one } = store({ first: { keys: ['a.json'] } }, (key) => Buffer.from(key));
  const sink = objectStoreSink(() => {
    return faults-- > 0 ? Promise.reject(new Error('no memory')) : Promise.resolve(one);
  }, {});
  await expect(write(sink)).rejects.toThrow('no memory');
  await expect(sink.close!()).resolves.toBeUndefined();
  expect(await stored(sink)).toEqual(['a.json']);
});

test('two records of one id are not both delivered if the store ignores the condition', async () => {
  const objects = new Map<string, Buffer>();
  const { one } = store({}, () => undefined);
  const ignoring: ObjectStore = {
    ...one,
    create: (key, { content }) => {
      objects.set(key, content);
      return Promise.resolve('created');
    },
    remove: (key) => Promise.resolve(void objects.delete(key)),
  };
  const sink = objectStoreSink(() => Promise.resolve(ignoring), {});
  const { signal } = new AbortController();
  await expect(sink.check!(signal)).rejects.toThrow('ignores the condition');
  for (const content of ['first', 'second']) {
    await expect(write(sink, { value: Buffer.from(content) })).rejects.toMatchObject({
      type: 'Transient',
      message: expect.stringContaining('ignores the condition') as string,
    });
  }
  expect(objects.size).toBe(0);
});

test('an object that is gone after the PUT has met it is reported by whatever request found it gone', async () => {
  const { one } = store({}, () => undefined);
  const vanishing: ObjectStore = {
    ...one,
    create: () => Promise.resolve('exists'),
    head: () => Promise.resolve(undefined),
  };
  const sink = objectStoreSink(() => Promise.resolve(vanishing), { chunkObjects: true });
  const message = (key: string) =>
    `store/${key} existed at the PUT and was gone at the next read: it has been deleted since, or the store is inconsistent`;
  await expect(write(sink)).rejects.toMatchObject({ message: message('42.json') });
  const range = { topic: 't', partition: 0, first: 7, last: 7 };
  const context = { signal: new AbortController().signal, attempt: 1 };
  const chunk = sink.writeChunk!([sinkRecord()], range, context);
  await expect(chunk).rejects.toMatchObject({ message: message('chunks/t/0/7-7.ndjson') });
});
