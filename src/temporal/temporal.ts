import { Client, ServiceError } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { dataConverter, isEncoded } from './encryption/data-converter';

/** How a process reaches Temporal. */
export interface TemporalSettings {
  /** The namespace of the streams' workflows, which must exist. */
  namespace: string;
  /** Address, TLS and API key: the options of `NativeConnection.connect` of `@temporalio/worker`. */
  connection: NativeConnectionOptions;
  /**
   * Encodes what is written to Temporal and decodes what is read, as {@link encryptionCodec} does. This includes
   * messages and stack traces of failures. Default: payloads stay as they are.
   */
  codec?: PayloadCodec;
  /** The version that this process's workers take part in Worker Versioning as; absent: in none. */
  workerVersion?: {
    /** Name of the deployment: all versions of one application. */
    deploymentName: string;
    /** This version. */
    buildId: string;
  };
}

export interface TemporalClient {
  client: Client;
  /** Client and workers share it, because eager start works only over one connection. */
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
 * The start option that makes the Temporal UI show a line of text for a workflow. Empty if there is a codec: the
 * server limits the size of the encoded text, and would refuse the whole start.
 */
export function withSummary(client: Client, summary: string): { staticSummary?: string } {
  return isEncoded(client.options.loadedDataConverter) ? {} : { staticSummary: summary };
}

/** The gRPC status codes on which CloudSync bases a decision. */
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
  // A raw service call rejects with the code itself; the client wraps that error.
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
