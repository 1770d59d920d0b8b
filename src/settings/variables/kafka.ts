import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { clientIdFault } from '../../kafka/client-id';
import { anyOf, FACTS } from './facts';
import { MAX_PORT } from './values';

/** The broker if the environment names none. */
export const DEFAULT_BROKER = '127.0.0.1:9092';

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

/** Matches a broker. The groups are its IPv6 address, which must be in brackets, and its port. */
const BROKER = /^(?:[^\s:@[\]]+|\[([^\s@[\]]+)\]):(\d{1,5})$/;
const brokers = z
  .string()
  .transform((list) => list.split(',').map((broker) => broker.trim()))
  .pipe(
    z.array(
      z.string().refine((broker) => {
        const [, ipv6, port] = BROKER.exec(broker) ?? [];
        return port !== undefined && Number(port) <= MAX_PORT && (!ipv6 || isIPv6(ipv6));
      }, 'must be host:port, separated by commas; an IPv6 address in brackets: [::1]:9092'),
    ),
  );

const clientId = z
  .string()
  .min(1)
  .check((context) => {
    const fault = clientIdFault(context.value);
    if (fault) context.issues.push({ code: 'custom', message: fault, input: undefined });
  });

export const KAFKA = {
  KAFKA_BROKERS: brokers.optional().register(FACTS, {
    meaning: '`host:port`, separated by commas; an IPv6 address in brackets, `[::1]:9092`',
    default: DEFAULT_BROKER,
  }),
  KAFKA_BOOTSTRAP_SERVERS: brokers.optional().register(FACTS, {
    meaning: 'the same under its other name; `KAFKA_BROKERS` wins',
  }),
  KAFKA_CLIENT_ID: clientId.default('cloudsync').register(FACTS, {
    meaning: "client id in the broker's logs and quotas; at most 255 bytes",
  }),
  KAFKA_SSL: z.stringbool().default(false).register(FACTS, { meaning: 'TLS to the brokers' }),
  KAFKA_SSL_CA_FILE: z.string().optional().register(FACTS, {
    meaning: 'PEM file: certificate authority of the brokers; else those that Node knows',
  }),
  KAFKA_SSL_CERT_FILE: z.string().optional().register(FACTS, {
    meaning: 'PEM file: client certificate, if brokers ask for one',
  }),
  KAFKA_SSL_KEY_FILE: z.string().optional().register(FACTS, {
    meaning: 'PEM file: the key of the client certificate, without a passphrase',
  }),
  KAFKA_SASL_MECHANISM: z
    .enum(MECHANISMS)
    .optional()
    .register(FACTS, {
      meaning: anyOf(MECHANISMS),
    }),
  KAFKA_SASL_USERNAME: z.string().optional().register(FACTS, {
    meaning: 'needed with a mechanism',
  }),
  KAFKA_SASL_PASSWORD: z.string().optional().register(FACTS, {
    meaning: 'needed with a mechanism',
  }),
};
