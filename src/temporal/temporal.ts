import { Client, ServiceError } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { dataConverter, isEncoded } from './encryption/data-converter';

export interface TemporalSettings {
  namespace: string;
  connection: NativeConnectionOptions;
  /**
   * Encodes what is written to Temporal and decodes what is read, as {@link encryptionCodec} does; messages and
   * stack traces of failures included. Default: payloads stay as they are.
   */
  codec?: PayloadCodec;
  /** The version that this process's workers take part in Worker Versioning as; absent: in none. */
  workerVersion?: { deploymentName: string; buildId: string };
}

export interface TemporalClient {
  client: Client;
  /** Shared with the workers: eager start works only over one connection. */
  connection: NativeConnection;
  close(): Promise<void>;
}

export async function connectTemporal(settings: TemporalSettings): Promise<TemporalClient> {
  const { address } = settings.connection;
  const connection = await NativeConnection.connect(settings.connection).catch((error: unknown) => {
    throw new Error(`can't reach Temporal at ${address} (TEMPORAL_ADDRESS)`, { cause: error });
  });
  const client = new Client({
    connection,
    namespace: settings.namespace,
    dataConverter: dataConverter(settings.codec),
  });
  return { client, connection, close: () => connection.close() };
}

/**
 * The start option that makes the Temporal UI show a line of text for a workflow. With a codec there is none: the
 * server limits the size of what the codec makes of it, and would refuse the whole start.
 */
export function withSummary(client: Client, summary: string): { staticSummary?: string } {
  return isEncoded(client.options.loadedDataConverter) ? {} : { staticSummary: summary };
}

/** gRPC status codes that CloudSync decides on. */
export const GrpcStatus = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  UNAVAILABLE: 14,
} as const;

/** The gRPC status code behind an error of the client or of a raw service call. */
export function grpcStatus(error: unknown): number | undefined {
  // A raw service call carries the code itself, the client wraps it.
  for (const source of [error, error instanceof ServiceError ? error.cause : undefined]) {
    const code = (source as { code?: unknown } | undefined | null)?.code;
    if (typeof code === 'number') return code;
  }
  return undefined;
}

/** A string literal for a visibility query. */
export function quote(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
