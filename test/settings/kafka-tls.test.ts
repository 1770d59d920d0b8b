import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { loadSettings } from '../../src/settings/config';

const fixture = (name: string) => join(__dirname, '..', 'kafka', 'fixtures', name);
const pem = (name: string) => readFileSync(fixture(name), 'utf8');

const MUTUAL = {
  KAFKA_SSL: 'true',
  KAFKA_SSL_CA_FILE: fixture('ca.crt'),
  KAFKA_SSL_CERT_FILE: fixture('client.crt'),
  KAFKA_SSL_KEY_FILE: fixture('client.key'),
};
const load = (env: NodeJS.ProcessEnv) => loadSettings({ TEMPORAL_CONFIG_FILE: '/none', ...env });

test('loadSettings reads the certificates and the key from files', () => {
  const { KAFKA_SSL, KAFKA_SSL_CA_FILE } = MUTUAL;
  expect(load({ KAFKA_SSL, KAFKA_SSL_CA_FILE }).kafka.ssl).toEqual({ ca: pem('ca.crt') });
  expect(load(MUTUAL).kafka.ssl).toEqual({
    ca: pem('ca.crt'),
    cert: pem('client.crt'),
    key: pem('client.key'),
  });
});

const NO_PEM = __filename;

test.each([
  [{ KAFKA_SSL: 'false' }, /KAFKA_SSL: must be true if KAFKA_SSL_CA_FILE is set/],
  [{ KAFKA_SSL_KEY_FILE: '' }, /KAFKA_SSL_KEY_FILE: is required if KAFKA_SSL_CERT_FILE is set/],
  [{ KAFKA_SSL_CERT_FILE: '' }, /KAFKA_SSL_CERT_FILE: is required if KAFKA_SSL_KEY_FILE is set/],
  [{ KAFKA_SSL_CA_FILE: '/none' }, /KAFKA_SSL_CA_FILE: the file can't be read \(ENOENT\)/],
  [{ KAFKA_SSL_KEY_FILE: __dirname }, /KAFKA_SSL_KEY_FILE: the file can't be read \(EISDIR\)/],
  [{ KAFKA_SSL_CA_FILE: NO_PEM }, /KAFKA_SSL_CA_FILE: must be a certificate in PEM/],
  [{ KAFKA_SSL_CERT_FILE: NO_PEM }, /KAFKA_SSL_CERT_FILE: must be a certificate in PEM/],
  [
    { KAFKA_SSL_KEY_FILE: fixture('server.key') },
    /KAFKA_SSL_KEY_FILE: must be the private key of KAFKA_SSL_CERT_FILE/,
  ],
])('%j is an error that names the setting', (env, fault) => {
  expect(() => load({ ...MUTUAL, ...env })).toThrow(fault);
});

test('an error does not show the content of a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cloudsync-tls-'));
  const path = join(directory, 'key');
  writeFileSync(path, 'HUSH');
  try {
    expect(() => load({ ...MUTUAL, KAFKA_SSL_KEY_FILE: path })).toThrow(/^((?!HUSH)[^])*$/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** Connects as kafkajs does. Resolves with each side's view of the other. */
async function handshake(env: NodeJS.ProcessEnv) {
  const tls = { cert: pem('server.crt'), key: pem('server.key'), ca: pem('ca.crt') };
  const broker = createServer({ ...tls, requestCert: true });
  const seen = new Promise((resolve) => {
    broker.on('secureConnection', (socket: TLSSocket) => {
      resolve({ name: socket.getPeerCertificate().subject.CN, authorized: socket.authorized });
      socket.end();
    });
    broker.on('tlsClientError', () => resolve('refused by the client'));
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  const { port } = broker.address() as AddressInfo;
  const options = load(env).kafka.ssl as object;
  const client = new Promise<string>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ...options }, () => resolve('trusted'));
    socket
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code!))
      .on('end', () => socket.end());
    socket.resume();
  });
  try {
    return { broker: await seen, client: await client };
  } finally {
    await new Promise((resolve) => broker.close(resolve));
  }
}

test('a client sends its certificate to brokers, and trusts brokers of the authority', async () => {
  expect(await handshake(MUTUAL)).toEqual({
    broker: { name: 'client', authorized: true },
    client: 'trusted',
  });
});

test('a client without the authority does not trust brokers of that authority', async () => {
  const { KAFKA_SSL } = MUTUAL;
  expect(await handshake({ KAFKA_SSL })).toMatchObject({
    client: expect.stringMatching(/SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY/) as string,
  });
});
