import { KafkaJSConnectionError } from 'kafkajs';
import type Connection from 'kafkajs/src/network/connection';

/** An answer begins with its size, in this many bytes. */
const BYTES_OF_SIZE = 4;

/**
 * Forgets the part of an answer that had arrived when a connection broke. kafkajs keeps these bytes when it
 * connects again. It then takes the first bytes of the new connection for the rest of the answer, and can read
 * nothing from then on (tulios/kafkajs#715).
 */
export function forgetOldBytes(connection: Connection): void {
  const connect = connection.connect.bind(connection);
  connection.connect = () => {
    if (!connection.isConnected()) {
      // Otherwise bytes that the old socket still has would come in between.
      connection.socket?.destroy();
      connection.chunks = [];
      connection.bytesBuffered = 0;
      connection.bytesNeeded = BYTES_OF_SIZE;
      connection.authHandlers = null;
    }
    return connect();
  };
}

/**
 * Closes a connection on which a request has timed out, as Kafka's own client does. kafkajs keeps the connection
 * and sends the next request on it. A load balancer may have dropped the connection, or its broker may hang.
 * Requests then fail until the kernel stops sending their bytes again, after a quarter of an hour
 * (tulios/kafkajs#919).
 */
export function closeOnTimeout(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = async (request) => {
    const { socket } = connection;
    try {
      return await send(request);
    } catch (error) {
      if (isTimeout(error) && connection.socket === socket && connection.isConnected()) {
        await closeHanging(connection);
      }
      throw error;
    }
  };
}

/** Whether a request was not answered in time. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'KafkaJSRequestTimeoutError';
}

/** Rejects the requests that wait on a connection, and closes the connection. The next request connects anew. */
export async function closeHanging(hanging: Connection): Promise<void> {
  const { host, port, socket } = hanging;
  const broker = `${host}:${port}`;
  hanging.rejectRequests(new KafkaJSConnectionError(`${broker} does not answer`, { broker }));
  await hanging.disconnect();
  socket?.destroy();
}
