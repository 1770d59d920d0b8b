import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { createCheck } from '../../src/http-producer/check';
import { CONTENT_TYPES } from '../../src/http-producer/drafts';
import { createApiServer } from '../../src/http-producer/server';
import { encryptionCodec } from '../../src/temporal/encryption/encryption-codec';
import { createCodecServer } from '../../src/codec-server/server';
import type { OutgoingRecord } from '../../src/kafka/producer/batching-producer';
import { messageSchema } from '../../src/domain/record/message';
import { parseRecord } from '../../src/domain/workflow/parse';
import { createLogger } from '../../src/telemetry/logger';
import { createMetrics } from '../../src/telemetry/metrics';
import { bytes, kafkaRecord, testStream } from '../domain/support/records';
import { hostileText } from './support/hostile';
import './support/configure';

// Each test makes many requests, which takes long on a busy machine.
jest.setTimeout(60_000);

const logger = createLogger('silent');
const streams = [testStream({ schema: messageSchema })];
let sent: OutgoingRecord[] = [];
let api: FastifyInstance;
let codec: FastifyInstance;

beforeAll(async () => {
  api = await createApiServer({
    check: createCheck(streams, () => 1_000_000),
    producer: {
      full: false,
      send: (records) => {
        sent.push(...records);
        return Promise.resolve({ missing: [] });
      },
    },
    limits: { maxBodyBytes: 10_000, maxRecords: 20, queueBytes: 1_000_000 },
    ...{ metrics: createMetrics(), topic: 'orders', streams, tokens: [], logger },
    requestTimeoutMs: 1_000,
    faults: () => ({}),
    stopping: () => false,
  });
  codec = await createCodecServer({
    codec: encryptionCodec([{ id: 'k', key: randomBytes(32) }]),
    ...{ origins: [], tokens: [], logger, faults: () => ({}) },
  });
});
afterAll(() => Promise.all([api.close(), codec.close()]));

const message = fc.record({
  id: fc.oneof(hostileText, fc.integer()),
  type: hostileText,
  occurredAt: fc.constantFrom('2026-01-01T00:00:00Z', 'yesterday'),
  payload: fc.anything({ key: hostileText, values: [hostileText, fc.double()] }),
});
const event = fc.dictionary(
  fc.constantFrom('specversion', 'id', 'source', 'type', 'time', 'data', 'payload', '__proto__'),
  fc.oneof(fc.constantFrom('1.0', '/a', 'b', '2026-01-01T00:00:00Z'), hostileText),
);
/** JSON of messages, valid or with a piece removed or inserted. */
const documents = fc
  .tuple(
    fc.oneof(message, fc.array(message, { maxLength: 25 }), event, fc.array(event), fc.json()),
    fc.nat(),
    fc.oneof(fc.constant(undefined), bytes),
  )
  .map(([value, place, damage]) => {
    const text = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    if (!damage) return text;
    const at = place % (text.length + 1);
    return Buffer.concat([text.subarray(0, at), damage, text.subarray(at + (place % 3))]);
  });
const bodies = fc.oneof(
  documents,
  fc.array(documents).map((lines) => Buffer.from(lines.map(String).join('\n'))),
  documents.map((body) => gzipSync(body)),
  bytes,
);
const header = fc.stringMatching(/^[\t -~]{0,40}$/);
const requestHeaders = fc.record(
  {
    'content-encoding': fc.constantFrom('gzip', 'identity', 'br', 'GZIP'),
    'ce-specversion': fc.oneof(fc.constant('1.0'), header),
    'ce-id': header,
    'ce-source': header,
    'ce-type': header,
    'ce-__proto__': header,
    traceparent: header,
    tracestate: header,
    origin: header,
    authorization: header,
  },
  { requiredKeys: [] },
);
const types = fc.oneof(fc.constantFrom(...CONTENT_TYPES), header);

test('the HTTP producer accepts a request or says what is wrong, and accepts only messages that the bridge accepts', async () => {
  await fc.assert(
    fc.asyncProperty(bodies, types, requestHeaders, async (payload, type, headers) => {
      sent = [];
      const answer = await api.inject({
        ...{ method: 'POST', url: '/v1/messages', payload },
        headers: { host: 'localhost', 'content-type': type, ...headers },
      });
      expect(answer.statusCode).toBeLessThan(500);
      expect(sent.length > 0).toBe(answer.statusCode < 300);
      for (const { key, value } of sent) {
        const parsed = parseRecord(streams[0]!, kafkaRecord({ key, value }));
        expect(parsed).toMatchObject({ ok: true, messageId: key.toString() });
      }
      if (answer.statusCode >= 400) {
        expect(answer.json<{ status: number }>().status).toBe(answer.statusCode);
      }
    }),
  );
});

const payloads = fc.record({
  payloads: fc.array(
    fc.record(
      {
        metadata: fc.dictionary(
          fc.oneof(fc.constantFrom('encoding', 'encryption-key-id', 'encryption-format'), header),
          fc.oneof(fc.base64String(), hostileText),
        ),
        data: fc.oneof(fc.base64String(), hostileText),
      },
      { requiredKeys: [] },
    ),
    { maxLength: 4 },
  ),
});

test('the codec server answers any request, or says what is wrong with it', async () => {
  const body = fc.oneof(
    payloads.map((value) => Buffer.from(JSON.stringify(value))),
    documents,
  );
  const path = fc.constantFrom('/decode', '/encode', '/a/decode', '//encode', '/%00/decode', '/%');
  await fc.assert(
    fc.asyncProperty(body, path, async (payload, url) => {
      const answer = await codec.inject({
        ...{ method: 'POST', url, payload },
        headers: { host: 'localhost', 'content-type': 'application/json' },
      });
      expect(answer.statusCode).toBeLessThan(500);
      if (answer.statusCode === 200) {
        expect(answer.json<{ payloads: unknown[] }>().payloads).toBeInstanceOf(Array);
      }
    }),
  );
});
