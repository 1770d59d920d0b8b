import { classifyError, DeliveryError } from '../../../src/domain/errors';
import type { Sink, SinkRecord } from '../../../src/domain/stream/sink';
import { sinkRecord, write } from '../../sinks/support/write';
import { startClouds, type Clouds } from '../support/clouds';
import { FaultProxy, type Fault } from '../support/fault-proxy';
import {
  blobSubject,
  cloudError,
  fileSubject,
  HTML,
  s3Subject,
  type SinkOptions,
  type Subject,
} from './support/sink-subjects';
import { uniqueName, until } from '../support/world';

// The first run builds versitygw and installs Azurite.
jest.setTimeout(600_000);

let clouds: Clouds;
let proxies: { s3: FaultProxy; blob: FaultProxy };
let subjects: Record<'file' | 's3' | 'blob', Subject>;
let closeFiles: () => Promise<void>;

beforeAll(async () => {
  clouds = await startClouds();
  proxies = { s3: await FaultProxy.start(clouds.s3), blob: await FaultProxy.start(clouds.blob) };
  const file = await fileSubject();
  closeFiles = () => file.close();
  subjects = {
    file,
    s3: s3Subject(clouds, proxies.s3),
    blob: blobSubject(clouds, proxies.blob),
  };
});
afterAll(async () => {
  await Promise.all([proxies.s3.close(), proxies.blob.close(), closeFiles()]);
  await clouds.close();
});

let kind: 'file' | 's3' | 'blob';
let prefix: string;
const opened: Sink[] = [];

beforeEach(() => (prefix = `${uniqueName('test')}/in`));
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close?.();
});

function sink(options: SinkOptions = {}): Sink {
  const one = subjects[kind].sink(prefix, options);
  opened.push(one);
  return one;
}

const keys = async () => (await subjects[kind].keys(prefix)).sort();

async function stored(): Promise<Buffer[]> {
  const values: Buffer[] = [];
  for await (const value of sink().stored!()) values.push(value);
  return values;
}

async function failureOf(attempt: Promise<unknown>, of: Sink = sink()) {
  const error: unknown = await attempt.then(
    (result) => expect(result).toBe('a failure'),
    (reason: unknown) => reason,
  );
  return classifyError(error, (reason) => of.classify?.(reason));
}

const POSITION = { topic: 'topic', partition: 0, offset: 7 };

describe.each(['file', 's3', 'blob'] as const)('the %s sink', (name) => {
  beforeEach(() => (kind = name));
  /** Metadata of the writer. Files do not have them. */
  const by = (position: object) => (name === 'file' ? {} : { writtenBy: position });

  test('writes a new message, accepts its copy as a duplicate, and refuses other content', async () => {
    const written = await write(sink());
    expect(written).toMatchObject({ outcome: 'written' });
    await expect(write(sink(), { offset: 8 })).resolves.toEqual({
      ...{ outcome: 'duplicate', location: written.location },
      ...by(POSITION),
    });
    const other = { value: Buffer.from('{"id":"24"}') };
    expect(await failureOf(write(sink(), other))).toMatchObject({ type: 'ContentConflict' });
    expect(await keys()).toEqual(['42.json']);
    expect(await stored()).toEqual([sinkRecord().value]);
  });

  test('lets exactly one of forty writers of one message write', async () => {
    const sinks = [sink(), sink(), sink(), sink()];
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) => write(sinks[i % 4]!, { partition: i })),
    );
    const written = results.flatMap(({ outcome }, i) => (outcome === 'written' ? [i] : []));
    expect(written).toHaveLength(1);
    const winner = by({ ...POSITION, partition: written[0] });
    for (const result of results.filter(({ outcome }) => outcome === 'duplicate')) {
      expect(result).toMatchObject(winner);
    }
    expect(await keys()).toEqual(['42.json']);
  });

  test('lets exactly one of forty writers of different content write', async () => {
    const one = sink();
    const values = Array.from({ length: 40 }, (_, i) => Buffer.from(`content ${i}`));
    const results = await Promise.allSettled(values.map((value) => write(one, { value })));
    const winners = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') {
        expect(result.reason).toMatchObject({ type: 'ContentConflict' });
      }
    }
    expect(await stored()).toEqual([values[winners[0]!]]);
  });

  test('gives each message id an object of its own, inside its folder', async () => {
    const ids = [
      ...['a', 'a/b', 'a/b/c', 'a%2Fb', 'A', '/', '//', 'a//b', 'a/', '/a', '\\', 'a\\b'],
      ...['.', '..', '...', '../up', '../../up', './a', 'a/../b', '.hidden', 'a.', 'a.json'],
      ...['%', '%2E', '%00', '~', '-', ' ', '  ', ' a', 'a ', '\t', '\n', '\r\n', '\0', '\u007f'],
      ...['é', 'e\u0301', '日本語', '😀', '\u202e', '\ufeff', 'x'.repeat(1_024), '/'.repeat(1_024)],
      ...['😀'.repeat(512), `${'y'.repeat(1_023)}a`, `${'y'.repeat(1_023)}b`, 'chunks', 'null'],
      ...['?a=b', '#a', 'a&b', 'a+b', 'a b', '{offset}', 'CON', '*', ':', '"', '<', '|'],
    ];
    const one = sink();
    for (const messageId of ids) {
      const given = { messageId, workflowId: `test-${messageId}`.slice(0, 255) };
      const value = Buffer.from(JSON.stringify(messageId));
      const result = await write(one, { ...given, value });
      expect([messageId, result.outcome]).toEqual([messageId, 'written']);
      const again = await write(one, { ...given, value });
      expect([messageId, again]).toMatchObject([
        messageId,
        { outcome: 'duplicate', ...by(POSITION) },
      ]);
    }
    expect(await keys()).toHaveLength(ids.length);
    expect((await keys()).filter((key) => !/^[^/]+\.json$/.test(key))).toEqual([]);
    expect((await stored()).map(String).sort()).toEqual(ids.map((id) => JSON.stringify(id)).sort());
  });

  test('returns every byte of a value', async () => {
    const values = [
      Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)),
      Buffer.from([0xef, 0xbb, 0xbf, 0x0d, 0x0a]),
      Buffer.alloc(0),
      Buffer.alloc(3_000_000, 'large '),
    ];
    const one = sink();
    for (const [i, value] of values.entries()) await write(one, { messageId: `${i}`, value });
    const found = await stored();
    expect(found).toHaveLength(values.length);
    for (const value of values) expect(found.some((one) => one.equals(value))).toBe(true);
  });

  test('reports a foreign object as a conflict, and does not list it', async () => {
    await subjects[kind].put(`${prefix}/42.json`, 'of somebody else');
    await subjects[kind].put(`${prefix}/folder/x.json`, 'deeper');
    expect(await failureOf(write(sink()))).toMatchObject({ type: 'ContentConflict' });
    expect((await stored()).map(String)).toEqual(['of somebody else']);
  });

  test('writes a message again after its object was deleted', async () => {
    await write(sink());
    await subjects[kind].remove(`${prefix}/42.json`);
    await expect(write(sink())).resolves.toMatchObject({ outcome: 'written' });
  });

  test('finds the object of a message', async () => {
    const one = sink();
    expect(await one.find!('a')).toBeUndefined();
    await write(one, { messageId: 'a', value: Buffer.from('abc') });
    expect(await one.find!('a')).toMatchObject({
      location: expect.stringMatching(/a\.json$/) as string,
      bytes: 3,
      sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      writtenAt: expect.anything() as Date,
    });
  });

  test('is empty before the first write', async () => {
    expect(await stored()).toEqual([]);
  });

  describe('with a chunk', () => {
    const range = { topic: 'topic.a_B-c', partition: 3, first: 10, last: 19 };
    const key = 'chunks/topic.a_B-c/3/10-19.ndjson';
    const record = (messageId: string, value = messageId) =>
      sinkRecord({ messageId, value: Buffer.from(value) });
    const [a, b, c] = [record('a'), record('b'), record('c')];
    const writeChunk = (...records: SinkRecord[]) => {
      const context = { signal: new AbortController().signal, attempt: 1 };
      return sink({ chunkObjects: true }).writeChunk!(records, range, context);
    };
    const values = async () => (await stored()).map(String).sort();

    test('has writeChunk only if the options enable it', () => {
      expect(sink()).not.toHaveProperty('writeChunk');
    });

    test('writes one object once, even if later attempts have fewer or more records', async () => {
      const written = await writeChunk(a, b);
      expect(written).toMatchObject({ outcome: 'written', without: [] });
      expect(written.location).toMatch(new RegExp(`${key}$`));
      const duplicate = { outcome: 'duplicate', location: written.location };
      await expect(writeChunk(a, b)).resolves.toMatchObject({ ...duplicate, without: [] });
      await expect(writeChunk(a)).resolves.toMatchObject({ ...duplicate, without: [] });
      await expect(writeChunk(b, c)).resolves.toMatchObject({ ...duplicate, without: [c] });
      await expect(writeChunk(record('2', 'a'), a)).resolves.toMatchObject({ without: [a] });
      expect(await keys()).toEqual([key]);
      expect(await values()).toEqual(['a', 'b']);
    });

    test('leaves a value that is no line to an object of its own', async () => {
      const [lines, empty] = [record('l', 'x\ny'), record('e', '')];
      await expect(writeChunk(lines, empty)).resolves.toEqual({
        outcome: 'written',
        without: [lines, empty],
      });
      expect(await values()).toEqual([]);
      await expect(writeChunk(a, lines, empty)).resolves.toMatchObject({ without: [lines, empty] });
      for (const one of [lines, empty]) await write(sink(), one);
      expect(await values()).toEqual(['', 'a', 'x\ny']);
    });

    test('writes one object for forty attempts at once', async () => {
      // A store with forty clients may break a connection. The test then retries, as a lane does.
      const attempt = () =>
        writeChunk(a, b).catch((error: unknown) => {
          if (error instanceof DeliveryError && error.type === 'Transient') return writeChunk(a, b);
          throw error;
        });
      const results = await Promise.all(Array.from({ length: 40 }, attempt));
      expect(results.filter(({ outcome }) => outcome === 'written')).toHaveLength(1);
      for (const { without } of results) expect(without).toEqual([]);
    });

    test('keeps the object of a chunk apart from a message with the same name', async () => {
      await writeChunk(a);
      for (const messageId of [key, `../${key}`, 'chunks']) {
        await expect(write(sink(), { messageId })).resolves.toMatchObject({ outcome: 'written' });
      }
      expect(await keys()).toHaveLength(4);
    });
  });
});

describe.each(['s3', 'blob'] as const)('the %s sink, when', (name) => {
  let proxy: FaultProxy;
  beforeEach(() => {
    kind = name;
    proxy = proxies[name];
    proxy.seen.length = 0;
  });
  afterEach(() => expect(proxy.unmet).toBe(0));

  const busy = name === 's3' ? 'SlowDown' : 'ServerBusy';
  const date = () => new Date(Date.now() + 60_000).toUTCString();
  const faults: { what: string; fault: Fault | (() => Fault); type: string; wait?: number }[] = [
    { what: 'the request is not answered', fault: 'hang', type: 'Transient' },
    { what: 'the write is not answered', fault: 'hang-after', type: 'Transient' },
    { what: 'the connection breaks before the write', fault: 'reset', type: 'Transient' },
    { what: 'the connection breaks after the write', fault: 'reset-after', type: 'Transient' },
    { what: '503 asks to slow down', fault: cloudError(503, busy), type: 'Throttled' },
    {
      what: '503 says for how long',
      fault: cloudError(503, busy, { 'retry-after': '7' }),
      ...{ type: 'Throttled', wait: 7_000 },
    },
    {
      what: '429 says until when',
      fault: () => cloudError(429, 'TooManyRequests', { 'retry-after': date() }),
      ...{ type: 'Throttled', wait: 60_000 },
    },
    {
      what: 'a proxy says 503 and for how long',
      fault: { ...HTML, status: 503, headers: { 'retry-after': '5' } },
      ...{ type: 'Throttled', wait: 5_000 },
    },
    { what: 'a proxy says 503', fault: { ...HTML, status: 503 }, type: 'Transient' },
    { what: 'a proxy says 502 before the write', fault: HTML, type: 'Transient' },
    { what: 'a proxy says 502 after it', fault: { ...HTML, after: true }, type: 'Transient' },
    { what: '504', fault: { ...HTML, status: 504 }, type: 'Transient' },
    { what: 'a login page takes it', fault: { ...HTML, status: 200 }, type: 'Transient' },
    { what: '500', fault: cloudError(500, 'InternalError'), type: 'Transient' },
  ];

  test.each(faults)('$what: $type, and the next attempt succeeds', async (given) => {
    const one = sink({ requestTimeoutMs: 500 });
    proxy.next(typeof given.fault === 'function' ? given.fault() : given.fault);
    const failure = await failureOf(write(one), one);
    expect(failure).toMatchObject({ type: given.type });
    expect(failure.message).toMatch(/^PUT \S+\/42\.json: \S/);
    expect(failure.message).not.toContain('<');
    if (given.wait === undefined) expect(failure.retryAfterMs).toBeUndefined();
    else {
      expect(failure.retryAfterMs).toBeLessThanOrEqual(given.wait);
      expect(failure.retryAfterMs).toBeGreaterThan(given.wait - 10_000);
    }
    // The SDK has not retried by itself.
    expect(proxy.seen).toEqual(['PUT']);
    const after = await keys();
    const again = await write(sink());
    expect(again).toMatchObject(
      after.length === 0 ? { outcome: 'written' } : { outcome: 'duplicate', writtenBy: POSITION },
    );
    expect(await keys()).toEqual(['42.json']);
    expect(await stored()).toEqual([sinkRecord().value]);
  });

  test.each(faults)('$what, in a chunk: $type, and the next attempt succeeds', async (given) => {
    const range = { topic: 'topic', partition: 0, first: 0, last: 1 };
    const records = ['a', 'b'].map((id) => sinkRecord({ messageId: id, value: Buffer.from(id) }));
    const context = { signal: new AbortController().signal, attempt: 1 };
    const one = sink({ requestTimeoutMs: 500, chunkObjects: true });
    proxy.next(typeof given.fault === 'function' ? given.fault() : given.fault);
    const failure = await failureOf(one.writeChunk!(records, range, context), one);
    expect(failure).toMatchObject({ type: given.type });
    const again = await sink({ chunkObjects: true }).writeChunk!(records, range, context);
    expect(again).toMatchObject({ without: [] });
    expect((await stored()).map(String)).toEqual(['a', 'b']);
  });

  test.each(faults)('$what, when it reads the existing object: $type', async (given) => {
    await write(sink());
    const one = sink({ requestTimeoutMs: 500 });
    const fault = typeof given.fault === 'function' ? given.fault() : given.fault;
    // An answer to HEAD has no body.
    proxy.next(typeof fault === 'object' ? { ...fault, body: '' } : fault, 'HEAD');
    const failure = await failureOf(write(one), one);
    // S3 names no code without a body, and a 503 without a code asks for no pause.
    const unnamed = name === 's3' && given.what === '503 asks to slow down';
    expect(failure).toMatchObject({ type: unnamed ? 'Transient' : given.type });
    await expect(write(sink())).resolves.toMatchObject({ outcome: 'duplicate' });
  });

  test('the signal aborts, a hanging attempt ends with its reason, and no new attempt begins', async () => {
    const controller = new AbortController();
    const context = { signal: controller.signal, attempt: 1 };
    const one = sink({ requestTimeoutMs: 300_000 });
    proxy.next('hang');
    const attempt = one.write(sinkRecord(), context);
    await until('the request is there', () => proxy.seen.length === 1);
    controller.abort(new Error('shutting down'));
    await expect(attempt).rejects.toThrow('shutting down');
    await expect(one.write(sinkRecord(), context)).rejects.toThrow('shutting down');
    expect(proxy.seen).toEqual(['PUT']);
  });

  test('the object is deleted during an attempt: transient, and the next attempt writes it', async () => {
    await write(sink());
    proxy.next({ first: () => subjects[kind].remove(`${prefix}/42.json`) }, 'HEAD');
    const failure = await failureOf(write(sink()));
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure.message).toContain('deleted');
    await expect(write(sink())).resolves.toMatchObject({ outcome: 'written' });
  });

  test('a foreign object has equal content: a conflict, because it names no record', async () => {
    await subjects[kind].put(`${prefix}/42.json`, String(sinkRecord().value));
    const failure = await failureOf(write(sink()));
    expect(failure).toMatchObject({ type: 'ContentConflict' });
    expect(failure.message).toContain('not written by CloudSync');
  });

  test('bucket or container is missing: transient, with what to correct', async () => {
    const one = sink({ store: 'there-is-none' });
    const failure = await failureOf(write(one), one);
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure.message).toMatch(/404 (NoSuchBucket|ContainerNotFound).*create the/);
    const listing = await failureOf(first(one), one);
    expect(listing.message).toMatch(/^LIST .*create the/);
  });

  test('a read of the whole sink has faults, it retries', async () => {
    await write(sink());
    proxy.next('reset', 'GET');
    proxy.next(HTML, 'GET');
    proxy.next(cloudError(503, busy, { 'retry-after': '1' }), 'GET');
    expect(await stored()).toEqual([sinkRecord().value]);
  });

  test('it has written, locations contain no secrets', async () => {
    const { location } = await write(sink());
    expect(location).toBe(
      name === 's3'
        ? `s3://cloudsync/${prefix}/42.json`
        : `${proxy.url}/devstoreaccount1/cloudsync/${encodeURI(prefix)}/42.json`,
    );
  });
});

describe.each(['s3', 'blob'] as const)('the %s sink tests its store, and', (name) => {
  let proxy: FaultProxy;
  beforeEach(() => {
    kind = name;
    proxy = proxies[name];
    proxy.seen.length = 0;
    proxy.spoilsTrials = true;
  });
  afterEach(() => {
    proxy.spoilsTrials = false;
    proxy.every(undefined);
  });
  const PROBE = '.cloudsync-probe';

  test('leaves nothing behind when the store honours the condition', async () => {
    const one = sink();
    await Promise.all([write(one), write(one, { messageId: '43' })]);
    await write(one, { messageId: '44' });
    expect(proxy.seen).toEqual(['PUT', 'PUT', 'DELETE', 'PUT', 'PUT', 'PUT']);
    expect(await keys()).toEqual(['42.json', '43.json', '44.json']);
  });

  test('writes nothing while the store ignores the condition', async () => {
    await write(sink(), { value: Buffer.from('of the first record') });
    // For the client the store seems to ignore the condition: an existing object does not prevent a write.
    const one = sink();
    proxy.every({
      first: async () => {
        if ((await keys()).includes(PROBE)) await subjects[kind].remove(`${prefix}/${PROBE}`);
      },
    });
    for (const attempt of [write(one), write(one), write(one, { messageId: '43' })]) {
      const failure = await failureOf(attempt, one);
      expect(failure).toMatchObject({ type: 'Transient' });
      expect(failure.message).toContain('Use a store');
    }
    proxy.every(undefined);
    expect((await stored()).map(String)).toEqual(['of the first record']);
    expect(await failureOf(write(one), one)).toMatchObject({ type: 'ContentConflict' });
    await expect(write(one, { messageId: '43' })).resolves.toMatchObject({ outcome: 'written' });
    expect(await keys()).toEqual(['42.json', '43.json']);
  });

  test('says what to correct when the store does not support the condition', async () => {
    proxy.every(cloudError(501, 'NotImplemented'));
    const failure = await failureOf(write(sink()));
    expect(failure).toMatchObject({ type: 'Transient' });
    if (name === 's3') expect(failure.message).toContain('must know PUT with If-None-Match: *');
    expect(await keys()).toEqual([]);
  });

  test('fails with a transient error when the store refuses the test permanently', async () => {
    proxy.next(cloudError(400, 'InvalidInput'));
    const one = sink();
    const failure = await failureOf(write(one));
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure.message).toContain("the store can't be tried: PUT");
    await expect(write(one)).resolves.toMatchObject({ outcome: 'written' });
  });

  test('writes when it may not delete, and needs one request the next time', async () => {
    proxy.next(cloudError(403, name === 's3' ? 'AccessDenied' : 'AuthorizationFailure'), 'DELETE');
    await write(sink());
    expect(await keys()).toEqual([PROBE, '42.json']);
    proxy.seen.length = 0;
    await write(sink(), { messageId: '43' });
    expect(proxy.seen).toEqual(['PUT', 'PUT']);
    expect(await stored()).toHaveLength(2);
  });

  test('accepts a store that twenty processes test at once', async () => {
    const sinks = Array.from({ length: 20 }, () => sink());
    const results = await Promise.all(sinks.map((one, i) => write(one, { messageId: `${i}` })));
    expect(results.filter(({ outcome }) => outcome === 'written')).toHaveLength(20);
    expect((await keys()).filter((key) => key === PROBE)).toEqual([]);
  });
});

test('the s3 sink lists more than a page', async () => {
  kind = 's3';
  const one = sink();
  const ids = Array.from({ length: 1_005 }, (_, i) => `${i}`);
  for (let i = 0; i < ids.length; i += 67) {
    await Promise.all(ids.slice(i, i + 67).map((messageId) => write(one, { messageId })));
  }
  expect(new Set((await stored()).map(String)).size).toBe(ids.length);
});

async function first(one: Sink): Promise<Buffer | undefined> {
  for await (const value of one.stored!()) return value;
  return undefined;
}
