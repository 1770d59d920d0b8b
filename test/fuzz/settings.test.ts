import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { parseEncryptionKeys } from '../../src/temporal/encryption/encryption-keys';
import { loadSettings } from '../../src/settings/config';
import { UsageError } from '../../src/domain/errors';
import { isAccountUrl, isConnectionString } from '../../src/sinks/object-store/azure-blob';
import { parseFaults } from '../../src/sinks/faults';
import { httpSink } from '../../src/sinks/http/http';
import { prefixFault } from '../../src/sinks/object-store/object-keys';
import { retryAfterMs } from '../../src/sinks/retry-after';
import { hostileText } from './support/hostile';
import './support/configure';

/** One or two settings of each kind. Settings that name files are not here, as any path may be one. */
const NAMES = [
  ...['KAFKA_BROKERS', 'KAFKA_SSL', 'KAFKA_SASL_MECHANISM', 'KAFKA_SASL_PASSWORD'],
  ...['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'TEMPORAL_API_KEY', 'TEMPORAL_TLS'],
  ...['TEMPORAL_PROFILE', 'TEMPORAL_GRPC_META_A', 'AZURE_STORAGE_CONNECTION_STRING'],
  ...['CLOUDSYNC_TOPIC', 'CLOUDSYNC_FAULTS', 'CLOUDSYNC_LANE', 'CLOUDSYNC_S3_PREFIX'],
  ...['CLOUDSYNC_AZURE_ACCOUNT_URL', 'CLOUDSYNC_API_PORT', 'CLOUDSYNC_API_TOKENS'],
  ...['CLOUDSYNC_CODEC_ORIGINS', 'CLOUDSYNC_ENCRYPTION_KEYS', 'CLOUDSYNC_RETRY_INITIAL_MS'],
  ...['CLOUDSYNC_LOG_LEVEL', 'CLOUDSYNC_NONSENSE', 'CLOUDSYNC___proto__', '__proto__'],
];
const values = fc.oneof(
  hostileText,
  fc.constantFrom('true', 'a:1', '0', '1', '1e3', '-1', 'NaN', 'plain', 'chunk', 'info', '0x10'),
  fc.webUrl({ withQueryParameters: true }),
  fc.double().map(String),
);

test('loadSettings returns settings for any environment, or throws a UsageError that shows no value', () => {
  const environments = fc.dictionary(fc.constantFrom(...NAMES), values, { noNullPrototype: true });
  fc.assert(
    fc.property(environments, (env) => {
      try {
        const { api, codec, kafka, temporal } = loadSettings(env, {});
        for (const port of [api.port, codec.port]) expect(port).toBeLessThanOrEqual(65_535);
        expect(kafka.brokers.join() + temporal.connection.address).not.toContain('@');
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        // Short values occur in any text, and the error about a missing profile names it.
        const secrets = Object.entries(env).filter(
          ([name, value]) =>
            value.length > 8 && name !== 'TEMPORAL_PROFILE' && !NAMES.join().includes(value),
        );
        for (const [, secret] of secrets) expect((error as Error).message).not.toContain(secret);
      }
    }),
  );
});

test('a pause that a server asks for is above 0, or undefined', () => {
  const headers = fc.oneof(
    hostileText,
    fc.bigInt().map(String),
    fc.double().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    fc.constant('9'.repeat(400)),
  );
  fc.assert(
    fc.property(headers, (header) => {
      const pause = retryAfterMs(header);
      expect(pause === undefined || pause > 0).toBe(true);
    }),
  );
});

test('parseFaults accepts only rates of 0 to 1, whatever the stream is called', () => {
  const part = fc
    .tuple(
      fc.constantFrom('aws', 'constructor', 'tostring', 'valueof', 'a.b'),
      fc.constantFrom('timeout', 'throttle', 'permanent', 'other'),
      fc.oneof(fc.constantFrom('0', '1', '.5', '.', '1.2.3', '2'), hostileText),
    )
    .map(([stream, kind, rate]) => `${stream}:${kind}=${rate}`);
  fc.assert(
    fc.property(fc.array(fc.oneof(part, hostileText)), (parts) => {
      let faults;
      try {
        faults = parseFaults(parts.join(','));
      } catch {
        return;
      }
      for (const rates of Object.values(faults.rates)) {
        for (const rate of Object.values(rates)) {
          expect(rate).toBeGreaterThanOrEqual(0);
          expect(rate).toBeLessThanOrEqual(1);
        }
      }
    }),
  );
  expect(parseFaults('constructor:timeout=0.5').rates).toEqual({ constructor: { timeout: 0.5 } });
  expect(Object).not.toHaveProperty('timeout');
});

test('encryption keys are read from their text, and a hostile text is refused without being shown', () => {
  const ids = fc.uniqueArray(fc.stringMatching(/^[\w.-]{1,64}$/), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(ids, fc.constantFrom(',', '\n', ' ,\r\n'), (all, separator) => {
      const keys = all.map((id) => ({ id, key: randomBytes(32) }));
      const text = keys.map(({ id, key }) => `${id}:${key.toString('base64')}`).join(separator);
      expect(parseEncryptionKeys(text)).toEqual(keys);
    }),
  );
  fc.assert(
    fc.property(hostileText, (text) => {
      try {
        parseEncryptionKeys(text);
      } catch (error) {
        if (text.length > 8) expect((error as Error).message).not.toContain(text);
        return;
      }
      throw new Error('that were no keys');
    }),
  );
});

test('invalid options of sinks give a UsageError, never another error', () => {
  fc.assert(
    fc.property(fc.oneof(hostileText, fc.webUrl()), (text) => {
      expect(typeof isConnectionString(text)).toBe('boolean');
      expect(typeof isAccountUrl(text)).toBe('boolean');
      if (prefixFault(text) === undefined && text !== '') {
        expect(text.split('/').some((part) => ['', '.', '..'].includes(part))).toBe(false);
      }
      const option = { url: text, headers: { [text]: text }, secret: text };
      expect(() => httpSink(option)).toThrow(UsageError);
    }),
  );
});
