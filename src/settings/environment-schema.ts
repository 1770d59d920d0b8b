import { z } from 'zod';
import { ENCRYPTION } from './variables/encryption';
import { HTTP_PRODUCER } from './variables/http-producer';
import { KAFKA } from './variables/kafka';
import { LOCAL_SERVERS } from './variables/local-servers';
import { PAGE } from './variables/page';
import { PROCESSES } from './variables/processes';
import { REFERENCE_STREAMS } from './variables/reference-streams';
import { STREAMS } from './variables/streams';
import { TEMPORAL } from './variables/temporal';

/** The variables by the section of docs/reference/settings.md that lists them. */
export const VARIABLES = {
  Kafka: KAFKA,
  Temporal: TEMPORAL,
  Streams: STREAMS,
  'Reference streams': REFERENCE_STREAMS,
  'HTTP producer': HTTP_PRODUCER,
  'Operator page': PAGE,
  Encryption: ENCRYPTION,
  Processes: PROCESSES,
  'Local servers': LOCAL_SERVERS,
};

/** Each variable: its name, its valid values and its default. */
export const environmentSchema = z.object({
  ...KAFKA,
  ...TEMPORAL,
  ...STREAMS,
  ...REFERENCE_STREAMS,
  ...HTTP_PRODUCER,
  ...PAGE,
  ...ENCRYPTION,
  ...PROCESSES,
  ...LOCAL_SERVERS,
});

/** Finds faults that no single variable shows. Zod would look for them only if everything else were right. */
export function incomplete(env: Record<string, unknown>): string[] {
  const needs = (name: string, other: string) =>
    env[name] && !env[other] ? [`${other}: is required if ${name} is set`] : [];
  const login = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'];
  return [
    ...login.flatMap((name) => needs('KAFKA_SASL_MECHANISM', name)),
    // Without a mechanism, user name and password have no effect.
    ...login.flatMap((name) => needs(name, 'KAFKA_SASL_MECHANISM')),
    ...needs('KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'),
    ...needs('KAFKA_SSL_KEY_FILE', 'KAFKA_SSL_CERT_FILE'),
    ...needs('CLOUDSYNC_WORKER_DEPLOYMENT', 'CLOUDSYNC_WORKER_BUILD_ID'),
    ...needs('CLOUDSYNC_WORKER_BUILD_ID', 'CLOUDSYNC_WORKER_DEPLOYMENT'),
  ];
}
