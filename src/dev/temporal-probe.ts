import { Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { localAddress } from './local-ports';

const ALREADY_EXISTS = 6;
const CALL_TIMEOUT_MS = 10_000;
const RETENTION = msToTs('24 hours');

/** Whether a Temporal server answers at this port of 127.0.0.1. */
export async function temporalAnswers(port: number, timeoutMs = 1_000): Promise<boolean> {
  try {
    await call(port, timeoutMs, (connection) => connection.workflowService.getSystemInfo({}));
    return true;
  } catch {
    return false;
  }
}

/** Registers a namespace with the retention that the dev server gives to its own. */
export async function ensureNamespace(port: number, namespace: string): Promise<void> {
  try {
    await call(port, CALL_TIMEOUT_MS, (connection) =>
      connection.workflowService.registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: RETENTION,
      }),
    );
  } catch (error) {
    if (!isGrpcServiceError(error) || Number(error.code) !== ALREADY_EXISTS) throw error;
  }
}

async function call<T>(
  port: number,
  timeoutMs: number,
  request: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = Connection.lazy({
    address: localAddress(port),
    // Asked while a server starts: no retries, and no back-off kept from one attempt to the next.
    interceptors: [],
    channelArgs: { 'grpc.use_local_subchannel_pool': 1 },
  });
  try {
    return await connection.withDeadline(Date.now() + timeoutMs, () => request(connection));
  } finally {
    await connection.close();
  }
}
