import { Connection, type ConnectionOptions } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { grpcStatus, GrpcStatus } from '../../temporal/temporal';
import { localAddress } from '../common/local-ports';

const REGISTER_TIMEOUT_MS = 10_000;
const RETENTION = msToTs('24 hours');

/** Options of a probe that is repeated while a server starts: no retries, and no back-off kept between calls. */
const PROBE: ConnectionOptions = {
  interceptors: [],
  channelArgs: { 'grpc.use_local_subchannel_pool': 1 },
};

/** Whether a Temporal server answers at this port of 127.0.0.1. */
export async function temporalAnswers(port: number, timeoutMs = 1_000): Promise<boolean> {
  const connection = Connection.lazy({ ...PROBE, address: localAddress(port) });
  try {
    await connection.withDeadline(Date.now() + timeoutMs, () =>
      connection.workflowService.getSystemInfo({}),
    );
    return true;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}

/** Registers a namespace with the retention that the dev server gives to its own. Does nothing if it exists. */
export async function ensureNamespace(address: string, namespace: string): Promise<void> {
  const connection = Connection.lazy({ address });
  try {
    await connection.withDeadline(Date.now() + REGISTER_TIMEOUT_MS, () =>
      connection.workflowService.registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: RETENTION,
      }),
    );
  } catch (error) {
    if (grpcStatus(error) !== GrpcStatus.ALREADY_EXISTS) throw error;
  } finally {
    await connection.close();
  }
}
