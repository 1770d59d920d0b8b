import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { KafkaTls } from '../kafka/kafka';
import { errorMessage } from '../domain/errors';

const FILES = ['KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'] as const;

/** The settings of TLS: whether it is on, and the paths of the PEM files. */
export type KafkaTlsSettings = { KAFKA_SSL: boolean } & Partial<
  Record<(typeof FILES)[number], string | undefined>
>;

/**
 * Reads the settings of TLS to the brokers. Returns whether TLS is on, or the certificates to use. If
 * something is wrong, returns one line per fault, without the content of a file.
 */
export function kafkaTls(settings: KafkaTlsSettings): boolean | KafkaTls | string[] {
  const given = FILES.filter((name) => settings[name] !== undefined);
  if (given.length === 0) return settings.KAFKA_SSL;
  // Otherwise the files would have no effect, and everything would be sent unencrypted.
  if (!settings.KAFKA_SSL) return given.map((name) => `KAFKA_SSL: must be true if ${name} is set`);
  const faults: string[] = [];
  const attempt = <T>(name: string, use: () => T): T | undefined => {
    try {
      return use();
    } catch (error) {
      faults.push(`${name}: ${errorMessage(error)}`);
      return undefined;
    }
  };
  const read = (name: (typeof FILES)[number]) => {
    const path = settings[name];
    if (path === undefined) return undefined;
    return attempt(name, () => {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        throw new Error(`the file can't be read (${code})`, { cause: error });
      }
    });
  };
  const ca = read('KAFKA_SSL_CA_FILE');
  const cert = read('KAFKA_SSL_CERT_FILE');
  const key = read('KAFKA_SSL_KEY_FILE');
  if (ca !== undefined) attempt('KAFKA_SSL_CA_FILE', () => certificate(ca));
  const own =
    cert === undefined ? undefined : attempt('KAFKA_SSL_CERT_FILE', () => certificate(cert));
  // OpenSSL checks whether certificate and key belong together.
  if (own && key !== undefined) {
    attempt('KAFKA_SSL_KEY_FILE', () => {
      try {
        createSecureContext({ cert, key });
      } catch (error) {
        throw new Error(
          'must be the private key of KAFKA_SSL_CERT_FILE, in PEM, without a passphrase',
          {
            cause: error,
          },
        );
      }
    });
  }
  if (faults.length > 0) return faults;
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert, key: key! }) };
}

function certificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error('must be a certificate in PEM', { cause: error });
  }
}
